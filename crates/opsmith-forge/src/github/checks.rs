use serde::Deserialize;

use super::commit_ci::{CommitCi, Reported, Standing, judge};
use super::{GitHubError, GitHubRepo, WorkflowRun};

#[derive(Deserialize)]
pub(super) struct CheckRunsWire {
    pub check_runs: Vec<CheckRunWire>,
}

#[derive(Deserialize)]
pub(super) struct CheckRunWire {
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
pub(super) struct StatusesWire {
    pub statuses: Vec<StatusWire>,
}

#[derive(Deserialize)]
pub(super) struct StatusWire {
    context: String,
    state: String,
    target_url: Option<String>,
    description: Option<String>,
}

/// The slug of the App behind GitHub Actions, whose check runs are the jobs of workflow runs.
const ACTIONS: &str = "github-actions";

impl GitHubRepo {
    /// What all who report on a commit say of it: statuses, check runs, and workflow runs that have no check run yet.
    pub async fn ci_of(&self, sha: &str) -> Result<CommitCi, GitHubError> {
        let runs = self.workflow_runs_of(sha).await?;
        let mut reported: Vec<Reported> = runs.into_iter().map(WorkflowRun::reported).collect();
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
}

impl CheckRunWire {
    pub(super) fn reported(self) -> Reported {
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
    pub(super) fn reported(self) -> Reported {
        let name = match self.description.filter(|text| !text.is_empty()) {
            Some(text) => format!("{}: {}", self.context, super::refusal::clean(&text, "")),
            None => self.context,
        };
        Reported { standing: Standing::of_status(&self.state), name, url: self.target_url, job_id: None, run_id: None }
    }
}

impl WorkflowRun {
    pub(super) fn reported(self) -> Reported {
        Reported {
            standing: Standing::of_check(self.status.as_deref().unwrap_or_default(), self.conclusion.as_deref()),
            name: self.name.unwrap_or(self.path),
            url: Some(self.html_url),
            job_id: None,
            run_id: Some(self.id),
        }
    }
}
