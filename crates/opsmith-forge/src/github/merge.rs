use std::time::Duration;

use opsmith_guard::Permit;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{GitHubError, GitHubPull, GitHubRepo};
use crate::git::{MERGE, MergeMethod, Pushed};
use crate::local::PullRequestState;

/// How often, and how far apart, GitHub is asked whether it has computed if a pull request merges.
const LOOKS: u32 = 6;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// A pull request to be merged by GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergePull {
    /// Its number.
    pub number: u64,
    /// The commit that its branch must have: what was checked.
    pub head_sha: String,
    /// The branch that it must go into.
    pub base: String,
    /// How.
    pub method: MergeMethod,
    /// The first line of the new commit; a rebase has no new one.
    pub title: String,
    /// What follows it.
    pub message: String,
}

impl MergePull {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({
            "number": self.number,
            "head_sha": self.head_sha,
            "base": self.base,
            "method": self.method,
            "title": self.title,
            "message": self.message,
        })
    }
}

/// A pull request that is merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedPull {
    /// The commit that it became on its base.
    pub sha: String,
    /// Whether it was merged now.
    pub pushed: Pushed,
}

#[derive(Deserialize)]
struct MergedWire {
    sha: String,
}

impl GitHubRepo {
    /// Merges a pull request if its branch still has the commit that was checked; one that is merged is fine.
    pub async fn merge_pull(&self, permit: &Permit, request: &MergePull) -> Result<MergedPull, GitHubError> {
        permit.check(MERGE, &self.target(), &request.parameters())?;
        let pull = self.computed(request.number).await?;
        if let Some(sha) = merged(&pull, request)? {
            return Ok(MergedPull { sha, pushed: Pushed::AlreadyThere });
        }
        self.check_merge(&pull, request).await?;
        if pull.base != request.base {
            let message = format!("it goes into `{}` now, not into `{}`", pull.base, request.base);
            return Err(GitHubError::NotMergeable { number: request.number, message });
        }
        let refused = match self.put_merge(request).await {
            Ok(sha) => return Ok(MergedPull { sha, pushed: Pushed::Done }),
            Err(error) => error,
        };
        let pull = self.pull(request.number).await?;
        if let Some(sha) = merged(&pull, request)? {
            return Ok(MergedPull { sha, pushed: Pushed::Done });
        }
        self.check_merge(&pull, request).await?;
        let GitHubError::Conflict { message, .. } = refused else { return Err(refused) };
        Err(GitHubError::NotMergeable { number: request.number, message })
    }

    /// Refuses a pull request that is not open, or has another commit; GitHub closes one whose base is deleted.
    async fn check_merge(&self, pull: &GitHubPull, request: &MergePull) -> Result<(), GitHubError> {
        if pull.state != PullRequestState::Open && self.branch(&request.base).await?.is_none() {
            return Err(GitHubError::BaseGone { branch: request.base.clone() });
        }
        pull.check_open()?;
        pull.check_head(&request.head_sha)
    }

    async fn put_merge(&self, request: &MergePull) -> Result<String, GitHubError> {
        let subject = format!("the merge of pull request {} of {}", request.number, self.shown());
        let mut body = json!({ "sha": request.head_sha, "merge_method": method_name(request.method) });
        if request.method != MergeMethod::Rebase {
            body["commit_title"] = json!(request.title);
            body["commit_message"] = json!(request.message);
        }
        let path = ["pulls", &request.number.to_string(), "merge"];
        let call = self.call(Method::PUT, &path, subject).body(body);
        Ok(self.github.ask(&call).await?.json::<MergedWire>(&call.subject)?.sha)
    }

    /// The pull request, once GitHub knows whether it merges, or has had time enough to.
    async fn computed(&self, number: u64) -> Result<GitHubPull, GitHubError> {
        let mut pull = self.pull(number).await?;
        for _ in 1..LOOKS {
            if pull.mergeable.is_some() || pull.state != PullRequestState::Open {
                break;
            }
            sleep(BETWEEN_LOOKS).await;
            pull = self.pull(number).await?;
        }
        Ok(pull)
    }
}

/// The commit that a merged pull request became, if it was merged as it was checked.
fn merged(pull: &GitHubPull, request: &MergePull) -> Result<Option<String>, GitHubError> {
    match &pull.state {
        PullRequestState::Merged { sha } => pull.check_head(&request.head_sha).map(|()| Some(sha.clone())),
        PullRequestState::Open | PullRequestState::Closed => Ok(None),
    }
}

/// The method's name in the REST API.
pub(super) fn method_name(method: MergeMethod) -> &'static str {
    match method {
        MergeMethod::Squash => "squash",
        MergeMethod::Merge => "merge",
        MergeMethod::Rebase => "rebase",
    }
}
