use opsmith_model::Target;
use serde::Deserialize;

use crate::git::valid_sha;
use crate::url::RepoUrl;

/// Something of a repository is no longer what it was: whoever waits for it looks now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The repository, as [`RepoUrl::target`] names it.
    pub repository: Target,
    /// The commit that it is about.
    pub sha: Option<String>,
    /// The branch that it is about.
    pub branch: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    repository: Option<RepositoryWire>,
    pull_request: Option<PullWire>,
    check_suite: Option<HeadWire>,
    check_run: Option<CheckRunWire>,
    workflow_run: Option<HeadWire>,
    /// Of a status.
    sha: Option<String>,
    #[serde(default)]
    branches: Vec<BranchWire>,
    /// Of a push.
    after: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct RepositoryWire {
    html_url: String,
}

#[derive(Deserialize)]
struct PullWire {
    head: SideWire,
}

#[derive(Deserialize)]
struct SideWire {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
}

#[derive(Deserialize)]
struct HeadWire {
    head_sha: Option<String>,
    head_branch: Option<String>,
}

#[derive(Deserialize)]
struct CheckRunWire {
    head_sha: Option<String>,
    check_suite: Option<HeadWire>,
}

#[derive(Deserialize)]
struct BranchWire {
    name: String,
}

impl Changed {
    /// Reads an event; one that is not known, or names no repository, is `None`.
    pub(super) fn read(event: &str, body: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        if !matches!(
            event,
            "pull_request" | "pull_request_review" | "check_suite" | "check_run" | "workflow_run" | "push" | "status"
        ) {
            return Ok(None);
        }
        let wire: Wire = serde_json::from_slice(body)?;
        let Some(repository) = wire.repository.and_then(|repository| RepoUrl::parse(&repository.html_url).ok()) else {
            return Ok(None);
        };
        let (sha, branch) = match event {
            "pull_request" | "pull_request_review" => {
                wire.pull_request.map(|pull| (Some(pull.head.sha), Some(pull.head.name))).unwrap_or_default()
            }
            "check_suite" => wire.check_suite.map(|suite| (suite.head_sha, suite.head_branch)).unwrap_or_default(),
            "check_run" => wire
                .check_run
                .map(|run| (run.head_sha, run.check_suite.and_then(|suite| suite.head_branch)))
                .unwrap_or_default(),
            "workflow_run" => wire.workflow_run.map(|run| (run.head_sha, run.head_branch)).unwrap_or_default(),
            "push" => {
                let branch = wire.reference.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
                (wire.after, branch)
            }
            _ => (wire.sha, wire.branches.into_iter().next().map(|branch| branch.name)),
        };
        let sha = sha.filter(|sha| valid_sha(sha));
        Ok(Some(Self { repository: repository.target(), sha, branch }))
    }
}
