use opsmith_guard::Permit;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refs::{branch_ref, object_id};
use super::{CachedRepo, GitError};

/// The verb of [`push`].
pub const PUSH: &str = "push";
/// The verb of [`delete_branch`].
pub const DELETE_BRANCH: &str = "delete_branch";

/// One branch to move, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit it shall have; it must be in the cache.
    pub sha: String,
    /// The commit it must have until then; `None`: it must not be there.
    pub expected: Option<String>,
}

impl PushRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({"branch": self.branch, "sha": self.sha, "expected": self.expected})
    }
}

/// One branch to delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit it must have until then.
    pub sha: String,
}

impl DeleteRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({"branch": self.branch, "sha": self.sha})
    }
}

/// What a change of a remote came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The remote was changed now.
    Done,
    /// The remote was as asked before.
    AlreadyThere,
}

/// Moves or makes a branch of the remote, if it is where the request expects it.
pub async fn push(permit: &Permit, repo: &CachedRepo, request: &PushRequest) -> Result<Pushed, GitError> {
    permit.check(PUSH, &repo.url().target(), &request.parameters())?;
    move_branch(repo, &request.branch, request.expected.as_deref(), Some(&request.sha)).await
}

/// Deletes a branch of the remote, if it is at the commit the request expects; one that is gone is fine.
pub async fn delete_branch(permit: &Permit, repo: &CachedRepo, request: &DeleteRequest) -> Result<Pushed, GitError> {
    permit.check(DELETE_BRANCH, &repo.url().target(), &request.parameters())?;
    move_branch(repo, &request.branch, Some(&request.sha), None).await
}

/// Moves a branch of the remote from `expected` to `sha`, where `None` is no branch; looks at the remote first.
pub(super) async fn move_branch(
    repo: &CachedRepo,
    branch: &str,
    expected: Option<&str>,
    sha: Option<&str>,
) -> Result<Pushed, GitError> {
    let reference = branch_ref(branch)?;
    for id in [expected, sha].into_iter().flatten() {
        object_id(id)?;
    }
    let seen = repo.remote_branch(branch).await?;
    if seen.as_deref() == sha {
        return Ok(Pushed::AlreadyThere);
    }
    if seen.as_deref() != expected {
        return Err(lost(branch, expected, seen));
    }
    let ended = repo
        .network()
        .args(["push", "--quiet", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"])
        .arg(format!("--force-with-lease={reference}:{}", expected.unwrap_or_default()))
        .args(["--", repo.url().as_str(), &format!("{}:{reference}", sha.unwrap_or_default())])
        .end()
        .await?;
    if ended.code == Some(0) {
        return Ok(Pushed::Done);
    }
    // Someone else may have been first in this moment; what the remote says now is clearer than what git said.
    let reason = rejection(&ended.stdout);
    let failure = ended.into_error();
    let Ok(seen) = repo.remote_branch(branch).await else { return Err(failure) };
    if seen.as_deref() == sha {
        return Ok(Pushed::AlreadyThere);
    }
    if seen.as_deref() != expected {
        return Err(lost(branch, expected, seen));
    }
    Err(match failure {
        GitError::Failed { command, stderr } => GitError::Failed { command, stderr: format!("{reason}{stderr}") },
        other => other,
    })
}

fn lost(branch: &str, expected: Option<&str>, seen: Option<String>) -> GitError {
    GitError::LeaseLost { branch: branch.to_owned(), expected: expected.map(str::to_owned), seen }
}

/// The reason that `--porcelain` gives for a refused branch: `!<tab>from:to<tab>[remote rejected] (why)`.
pub(super) fn rejection(stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let reason = text.lines().filter(|line| line.starts_with('!')).find_map(|line| line.rsplit('\t').next());
    reason.map(|reason| format!("{}\n", super::classify::redact(reason))).unwrap_or_default()
}
