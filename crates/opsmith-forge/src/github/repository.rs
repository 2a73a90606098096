use reqwest::Method;
use serde::Deserialize;

use super::{GitHubError, GitHubRepo};
use crate::git::{MergeMethod, valid_branch};

/// What GitHub says of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryInfo {
    /// `owner/name` as it is now: not what was asked for where it was renamed.
    pub full_name: String,
    /// The branch to start from where none is named.
    pub default_branch: String,
    /// Nothing can be changed in it.
    pub archived: bool,
    /// Whether these credentials may push; `None`: it was not said.
    pub may_push: Option<bool>,
    /// The methods it allows; `None`: it was not said, as to tokens that may not push.
    pub methods: Option<Vec<MergeMethod>>,
    /// Whether pull requests may be merged by themselves; `None`: it was not said.
    pub auto_merge: Option<bool>,
    /// Whether GitHub deletes the branch of a merged pull request; `None`: it was not said.
    pub deletes_branches: Option<bool>,
}

#[derive(Deserialize)]
struct Wire {
    full_name: String,
    default_branch: String,
    #[serde(default)]
    archived: bool,
    permissions: Option<Permissions>,
    allow_squash_merge: Option<bool>,
    allow_merge_commit: Option<bool>,
    allow_rebase_merge: Option<bool>,
    allow_auto_merge: Option<bool>,
    delete_branch_on_merge: Option<bool>,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    push: bool,
}

#[derive(Deserialize)]
struct RefWire {
    object: ObjectWire,
}

#[derive(Deserialize)]
struct ObjectWire {
    sha: String,
}

impl GitHubRepo {
    /// What GitHub says of the repository.
    pub async fn info(&self) -> Result<RepositoryInfo, GitHubError> {
        let call = self.get(&[], format!("repository {}", self.shown()));
        let wire: Wire = self.github.ask(&call).await?.json(&call.subject)?;
        let allowed = [
            (MergeMethod::Squash, wire.allow_squash_merge),
            (MergeMethod::Merge, wire.allow_merge_commit),
            (MergeMethod::Rebase, wire.allow_rebase_merge),
        ];
        let said = allowed.iter().any(|(_, allowed)| allowed.is_some());
        let methods = allowed.into_iter().filter(|(_, allowed)| *allowed == Some(true)).map(|(method, _)| method);
        Ok(RepositoryInfo {
            full_name: wire.full_name,
            default_branch: wire.default_branch,
            archived: wire.archived,
            may_push: wire.permissions.map(|permissions| permissions.push),
            methods: said.then(|| methods.collect()),
            auto_merge: wire.allow_auto_merge,
            deletes_branches: wire.delete_branch_on_merge,
        })
    }

    /// Refuses a repository that is gone or hidden, which looks as if a branch of it were not `seen`.
    pub(super) async fn check_there(&self, seen: Option<&str>) -> Result<(), GitHubError> {
        if seen.is_none() {
            self.info().await?;
        }
        Ok(())
    }

    /// Where a branch is now; `None`: there is no such branch.
    pub async fn branch(&self, name: &str) -> Result<Option<String>, GitHubError> {
        let subject = format!("branch `{name}` of {}", self.shown());
        if !valid_branch(name) {
            return Ok(None);
        }
        let path: Vec<&str> = ["git", "ref", "heads"].into_iter().chain(name.split('/')).collect();
        let call = self.call(Method::GET, &path, subject);
        match self.github.ask(&call).await {
            Ok(answer) => Ok(Some(answer.json::<RefWire>(&call.subject)?.object.sha)),
            // Also the answer where the repository is hidden; then the next look at it says so.
            Err(GitHubError::NotFound { .. }) => Ok(None),
            // A repository without a commit.
            Err(GitHubError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
