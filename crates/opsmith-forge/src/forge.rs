use opsmith_guard::Permit;
use opsmith_model::{ErrorKind, Hint};
use opsmith_store::Write;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::git::{CachedRepo, GitError, PublishMerge, Pushed, publish_merge};
use crate::github::{GitHub, GitHubError, GitHubPull, MergePull};
use crate::local::{ForgeError, LocalForge, OpenRequest, PullRequest, PullRequestState};
use crate::url::RepoUrl;

/// Where pull requests are: in our store for any remote, or on the GitHub that has the repository.
#[derive(Clone, Debug)]
pub struct Forges {
    local: LocalForge,
    github: Vec<GitHub>,
}

/// A pull request, wherever it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ForgePull {
    /// Its number: of the repository, or of our store.
    pub number: u64,
    /// Its page, or what it is called where there is none.
    pub url: String,
    /// The branch to be merged.
    pub head: String,
    /// The commit of `head` that it has.
    pub head_sha: String,
    /// The branch to merge into.
    pub base: String,
    /// One line.
    pub title: String,
    /// Where it stands.
    pub state: PullRequestState,
}

/// A merge to be made: computed and pushed by us, or made by GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum ForgeMerge {
    /// Computed in the cache; its commit is known.
    Git(PublishMerge),
    /// GitHub makes the commit, by its own rules for the branch.
    GitHub(MergePull),
}

impl ForgeMerge {
    /// The branch that it goes into.
    pub fn base(&self) -> &str {
        match self {
            Self::Git(publish) => &publish.base_branch,
            Self::GitHub(merge) => &merge.base,
        }
    }

    /// The commit that is merged.
    pub fn head_sha(&self) -> &str {
        match self {
            Self::Git(publish) => &publish.head_sha,
            Self::GitHub(merge) => &merge.head_sha,
        }
    }

    /// The parameters of the effect, whose verb is [`crate::git::MERGE`].
    pub fn parameters(&self) -> Value {
        match self {
            Self::Git(publish) => publish.parameters(),
            Self::GitHub(merge) => merge.parameters(),
        }
    }
}

/// A pull request that was opened outside, or is to be in our store.
#[derive(Debug)]
pub struct Opened<'a>(Place<'a>);

#[derive(Debug)]
enum Place<'a> {
    Outside(ForgePull),
    Store { forge: &'a LocalForge, permit: &'a Permit, url: &'a RepoUrl, request: &'a OpenRequest },
}

impl Opened<'_> {
    /// The pull request; one of the local forge is written now, in the caller's transaction.
    pub async fn record(self, write: &Write) -> Result<ForgePull, ForgesError> {
        match self.0 {
            Place::Outside(pull) => Ok(pull),
            Place::Store { forge, permit, url, request } => {
                Ok(ForgePull::from(forge.open(permit, write, url, request).await?))
            }
        }
    }
}

/// Why a forge did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ForgesError {
    /// The local one.
    #[error(transparent)]
    Local(#[from] ForgeError),
    /// GitHub.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// Git, which merges for the local one.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Hint for ForgesError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Local(error) => error.kind(),
            Self::GitHub(error) => error.kind(),
            Self::Git(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Local(error) => error.hint(),
            Self::GitHub(error) => error.hint(),
            Self::Git(error) => error.hint(),
        }
    }
}

impl From<PullRequest> for ForgePull {
    fn from(pull: PullRequest) -> Self {
        Self {
            url: pull.url(),
            number: u64::try_from(pull.number).unwrap_or_default(),
            head: pull.head,
            head_sha: pull.head_sha,
            base: pull.base,
            title: pull.title,
            state: pull.state,
        }
    }
}

impl From<GitHubPull> for ForgePull {
    fn from(pull: GitHubPull) -> Self {
        Self {
            number: pull.number,
            url: pull.url,
            head: pull.head,
            head_sha: pull.head_sha,
            base: pull.base,
            title: pull.title,
            state: pull.state,
        }
    }
}

impl Forges {
    /// The local forge for every repository that none of these has.
    pub fn new(local: LocalForge, github: Vec<GitHub>) -> Self {
        Self { local, github }
    }

    /// The local forge.
    pub fn local(&self) -> &LocalForge {
        &self.local
    }

    /// Whether any GitHub is configured.
    pub fn has_github(&self) -> bool {
        !self.github.is_empty()
    }

    /// The GitHub that has the repository; `None`: the local forge keeps its pull requests.
    pub fn github(&self, url: &RepoUrl) -> Option<&GitHub> {
        self.github.iter().find(|github| github.has(url))
    }

    /// Opens a pull request, or updates the branch's open one. What is outside happens now and before any transaction;
    /// what our store has is written by [`Opened::record`].
    pub async fn open<'a>(
        &'a self,
        permit: &'a Permit,
        url: &'a RepoUrl,
        request: &'a OpenRequest,
    ) -> Result<Opened<'a>, ForgesError> {
        let place = match self.github(url) {
            Some(github) => Place::Outside(github.repository(url)?.open_pull(permit, request).await?.into()),
            None => Place::Store { forge: &self.local, permit, url, request },
        };
        Ok(Opened(place))
    }

    /// The newest pull request of a branch.
    pub async fn of_branch(&self, url: &RepoUrl, head: &str) -> Result<Option<ForgePull>, ForgesError> {
        Ok(match self.github(url) {
            Some(github) => github.repository(url)?.pull_of_branch(head).await?.map(ForgePull::from),
            None => self.local.of_branch(url, head).await?.map(ForgePull::from),
        })
    }

    /// Makes a merge, and gives the commit that the base has by it; one that is made already is fine.
    pub async fn merge(
        &self,
        permit: &Permit,
        repo: &CachedRepo,
        merge: &ForgeMerge,
    ) -> Result<(String, Pushed), ForgesError> {
        match merge {
            ForgeMerge::Git(publish) => {
                let pushed = publish_merge(permit, repo, publish).await?;
                Ok((publish.sha.clone(), pushed))
            }
            ForgeMerge::GitHub(request) => {
                let url = repo.url();
                let Some(github) = self.github(url) else {
                    let host = "any GitHub that is configured".to_owned();
                    return Err(GitHubError::Elsewhere { repository: url.target(), host }.into());
                };
                let merged = github.repository(url)?.merge_pull(permit, request).await?;
                Ok((merged.sha, merged.pushed))
            }
        }
    }

    /// Records a merge of [`ForgeMerge::Git`] with the branch's pull request; GitHub's knows it by itself.
    pub async fn record_merged(&self, write: &Write, url: &RepoUrl, head: &str, sha: &str) -> Result<(), ForgesError> {
        if self.github(url).is_some() {
            return Ok(());
        }
        if let Some(pull) = self.local.of_branch(url, head).await? {
            self.local.record_merged(write, &pull, sha).await?;
        }
        Ok(())
    }
}
