use serde::Deserialize;

use super::commit_ci::{CommitCi, Reported, Standing, judge};
use super::{GitHubError, GitHubRepo};

#[derive(Deserialize)]
struct CheckRunsWire {
    check_runs: Vec<CheckRunWire>,
}

#[derive(Deserialize)]
struct CheckRunWire {
    id: u64,
    name: String,
    status: String,
    conclusion: Option<String>,
    html_url: Option<String>,
    app: Option<AppWire>,
}

#[derive(Deserialize)]
struct AppWire {
    slug: Option<String>,
}

#[derive(Deserialize)]
struct StatusesWire {
    statuses: Vec<StatusWire>,
}

#[derive(Deserialize)]
struct StatusWire {
    context: String,
    state: String,
    target_url: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct RunsWire {
    workflow_runs: Vec<RunWire>,
}

#[derive(Deserialize)]
struct RunWire {
    id: u64,
    name: Option<String>,
    path: String,
    head_sha: String,
    status: Option<String>,
    conclusion: Option<String>,
    html_url: String,
}

/// The slug of the App behind GitHub Actions, whose check runs are the jobs of workflow runs.
const ACTIONS: &str = "github-actions";

impl GitHubRepo {
    /// What all who report on a commit say of it: statuses, check runs, and workflow runs that have no check run yet.
    pub async fn ci_of(&self, sha: &str) -> Result<CommitCi, GitHubError> {
        let mut reported = self.workflow_runs(sha).await?;
        reported.extend(self.check_runs(sha).await?);
        reported.extend(self.statuses(sha).await?);
        Ok(judge(&reported))
    }

    async fn check_runs(&self, sha: &str) -> Result<Vec<Reported>, GitHubError> {
        let subject = format!("the check runs of `{sha}` in {}", self.shown());
        let call = self.get(&["commits", sha, "check-runs"], subject).query("filter", "latest");
        let wires = self.github.all(call, |page: CheckRunsWire| page.check_runs).await?;
        Ok(wires.into_iter().map(CheckRunWire::reported).collect())
    }

    async fn statuses(&self, sha: &str) -> Result<Vec<Reported>, GitHubError> {
        let call = self.get(&["commits", sha, "status"], format!("the statuses of `{sha}` in {}", self.shown()));
        let wires = self.github.all(call, |page: StatusesWire| page.statuses).await?;
        Ok(wires.into_iter().map(StatusWire::reported).collect())
    }

    /// The workflow runs of a commit; none where Actions is switched off.
    async fn workflow_runs(&self, sha: &str) -> Result<Vec<Reported>, GitHubError> {
        let subject = format!("the workflow runs of `{sha}` in {}", self.shown());
        let call = self.get(&["actions", "runs"], subject).query("head_sha", sha);
        let wires = match self.github.all(call, |page: RunsWire| page.workflow_runs).await {
            Err(GitHubError::NotFound { .. } | GitHubError::Gone { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        Ok(wires.into_iter().filter(|run| run.head_sha == sha).map(RunWire::reported).collect())
    }
}

impl CheckRunWire {
    fn reported(self) -> Reported {
        let of_actions = self.app.is_some_and(|app| app.slug.as_deref() == Some(ACTIONS));
        Reported {
            standing: Standing::of_check(&self.status, self.conclusion.as_deref()),
            name: self.name,
            url: self.html_url,
            // The check run of a job has the job's id.
            job_id: of_actions.then_some(self.id),
            run_id: None,
        }
    }
}

impl StatusWire {
    fn reported(self) -> Reported {
        let name = match self.description.filter(|text| !text.is_empty()) {
            Some(text) => format!("{}: {}", self.context, super::refusal::clean(&text, "")),
            None => self.context,
        };
        Reported { standing: Standing::of_status(&self.state), name, url: self.target_url, job_id: None, run_id: None }
    }
}

impl RunWire {
    fn reported(self) -> Reported {
        Reported {
            standing: Standing::of_check(self.status.as_deref().unwrap_or_default(), self.conclusion.as_deref()),
            name: self.name.unwrap_or(self.path),
            url: Some(self.html_url),
            job_id: None,
            run_id: Some(self.id),
        }
    }
}
