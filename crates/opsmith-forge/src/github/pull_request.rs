use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{GitHubError, GitHubRepo};
use crate::local::PullRequestState;

/// A pull request on GitHub.
#[derive(Clone, Debug, PartialEq)]
pub struct GitHubPull {
    /// Its number in the repository.
    pub number: u64,
    /// Its id in GraphQL.
    pub node_id: String,
    /// Its page.
    pub url: String,
    /// The branch to be merged.
    pub head: String,
    /// The commit of `head` that it has.
    pub head_sha: String,
    /// The branch to merge into.
    pub base: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Where it stands.
    pub state: PullRequestState,
    /// Not to be merged so far.
    pub draft: bool,
    /// Who opened it; `None`: a user that is gone.
    pub author: Option<String>,
    /// Whether it merges without conflict; `None`: GitHub has not computed it yet, or this came from a list.
    pub mergeable: Option<bool>,
    /// The method it will be merged by as soon as it may be, where that is switched on.
    pub auto_merge: Option<String>,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
}

#[derive(Deserialize)]
pub(super) struct PullWire {
    number: u64,
    node_id: String,
    html_url: String,
    head: SideWire,
    base: SideWire,
    title: String,
    body: Option<String>,
    state: String,
    merged_at: Option<DateTime<Utc>>,
    merge_commit_sha: Option<String>,
    #[serde(default)]
    draft: bool,
    user: Option<UserWire>,
    mergeable: Option<bool>,
    auto_merge: Option<AutoMergeWire>,
    created_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct SideWire {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    repo: Option<RepoWire>,
}

#[derive(Deserialize)]
struct RepoWire {
    full_name: String,
}

#[derive(Deserialize)]
pub(super) struct UserWire {
    pub login: String,
}

#[derive(Deserialize)]
struct AutoMergeWire {
    merge_method: String,
}

impl From<PullWire> for GitHubPull {
    fn from(wire: PullWire) -> Self {
        // Before a merge `merge_commit_sha` is a commit of GitHub's own, made to try the merge out.
        let state = match (wire.merged_at, wire.merge_commit_sha, wire.state.as_str()) {
            (Some(_), sha, _) => PullRequestState::Merged { sha: sha.unwrap_or_default() },
            (None, _, "open") => PullRequestState::Open,
            (None, _, _) => PullRequestState::Closed,
        };
        Self {
            number: wire.number,
            node_id: wire.node_id,
            url: wire.html_url,
            head: wire.head.name,
            head_sha: wire.head.sha,
            base: wire.base.name,
            title: wire.title,
            body: wire.body.unwrap_or_default(),
            state,
            draft: wire.draft,
            author: wire.user.map(|user| user.login),
            mergeable: wire.mergeable,
            auto_merge: wire.auto_merge.map(|auto| auto.merge_method),
            opened_at: wire.created_at,
        }
    }
}

impl GitHubPull {
    /// Refuses one that is merged or closed.
    pub(super) fn check_open(&self) -> Result<(), GitHubError> {
        let state = match self.state {
            PullRequestState::Open => return Ok(()),
            PullRequestState::Merged { .. } => "merged",
            PullRequestState::Closed => "closed",
        };
        Err(GitHubError::NotOpen { number: self.number, state })
    }

    /// Refuses one whose branch has another commit by now.
    pub(super) fn check_head(&self, expected: &str) -> Result<(), GitHubError> {
        if self.head_sha == expected {
            return Ok(());
        }
        Err(GitHubError::HeadMoved {
            branch: self.head.clone(),
            expected: expected.to_owned(),
            seen: Some(self.head_sha.clone()),
        })
    }
}

impl GitHubRepo {
    /// The pull request of that number.
    pub async fn pull(&self, number: u64) -> Result<GitHubPull, GitHubError> {
        let subject = format!("pull request {number} of {}", self.shown());
        let call = self.get(&["pulls", &number.to_string()], subject);
        Ok(self.github.ask(&call).await?.json::<PullWire>(&call.subject)?.into())
    }

    /// The newest pull request of a branch of this repository, whatever its state.
    pub async fn pull_of_branch(&self, branch: &str) -> Result<Option<GitHubPull>, GitHubError> {
        Ok(self.pulls_of(branch, "all").await?.into_iter().next())
    }

    /// The open pull request of a branch of this repository, the one into `base` before others.
    pub(super) async fn open_pull_of(&self, branch: &str, base: &str) -> Result<Option<GitHubPull>, GitHubError> {
        let mut open = self.pulls_of(branch, "open").await?;
        let wanted = open.iter().position(|pull| pull.base == base).unwrap_or(0);
        Ok(if open.is_empty() { None } else { Some(open.swap_remove(wanted)) })
    }

    /// The pull requests of a branch of this repository, the newest first.
    async fn pulls_of(&self, branch: &str, state: &str) -> Result<Vec<GitHubPull>, GitHubError> {
        let call = self
            .get(&["pulls"], format!("pull requests of {}", self.shown()))
            .query("head", &format!("{}:{branch}", self.owner))
            .query("state", state)
            .query("sort", "created")
            .query("direction", "desc");
        let wires = self.github.all(call, |page: Vec<PullWire>| page).await?;
        // GitHub ignores a `head` that it cannot read and then lists all: so what it says is looked through.
        let ours = |repo: &RepoWire| repo.full_name.eq_ignore_ascii_case(&format!("{}/{}", self.owner, self.name));
        let same = |wire: &PullWire| wire.head.name == branch && wire.head.repo.as_ref().is_some_and(ours);
        Ok(wires.into_iter().filter(same).map(GitHubPull::from).collect())
    }
}
