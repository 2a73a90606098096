use opsmith_guard::Permit;
use opsmith_model::Clock;
use opsmith_store::{Store, Write};

use super::{ForgeError, OpenRequest, PullRequest, PullRequestState, db};
use crate::url::RepoUrl;

/// The effect's verb.
pub const OPEN_PULL_REQUEST: &str = "open_pull_request";

/// Pull requests in our store; cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalForge {
    store: Store,
    clock: Clock,
}

impl LocalForge {
    /// The forge of `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Opens a pull request, or updates the branch's open one, in the caller's transaction.
    pub async fn open(
        &self,
        permit: &Permit,
        write: &Write,
        url: &RepoUrl,
        request: &OpenRequest,
    ) -> Result<PullRequest, ForgeError> {
        let target = url.target();
        permit.check(OPEN_PULL_REQUEST, &target, &request.parameters())?;
        write.take_turns("forge.pull_requests").await?;
        let known = db::of_head(&**write, target.as_str(), &request.head).await?;
        let open = known.filter(|pull| pull.state == PullRequestState::Open);
        let mut pull = PullRequest {
            number: open.as_ref().map_or(0, |pull| pull.number),
            repository: target.as_str().to_owned(),
            head: request.head.clone(),
            base: request.base.clone(),
            head_sha: request.head_sha.clone(),
            title: request.title.clone(),
            body: request.body.clone(),
            state: PullRequestState::Open,
            opened_at: open.map_or_else(|| self.clock.now(), |pull| pull.opened_at),
        };
        pull.number = db::save(write, &pull).await?;
        Ok(pull)
    }

    /// The newest pull request of a branch.
    pub async fn of_branch(&self, url: &RepoUrl, head: &str) -> Result<Option<PullRequest>, ForgeError> {
        Ok(db::of_head(self.store.read(), url.target().as_str(), head).await?)
    }

    /// Records that git has merged it; recorded twice it stays as it was.
    pub async fn record_merged(&self, write: &Write, pull: &PullRequest, sha: &str) -> Result<(), ForgeError> {
        match &pull.state {
            PullRequestState::Merged { .. } => Ok(()),
            PullRequestState::Closed => Err(ForgeError::NotOpen { number: pull.number, state: "closed" }),
            PullRequestState::Open => {
                let merged = PullRequest { state: PullRequestState::Merged { sha: sha.to_owned() }, ..pull.clone() };
                db::save(write, &merged).await?;
                Ok(())
            }
        }
    }
}
