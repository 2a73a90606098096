use chrono::{DateTime, Utc};
use opsmith_guard::Permit;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::exchange::Failure;
use super::job_log::failing_part;
use super::{CommitCi, GitHubError, GitHubRepo, Reported};
use crate::ci::{RedReport, TailBuffer};
use crate::git::Pushed;

/// The verb of [`GitHubRepo::rerun_failed_jobs`].
pub const RERUN_CI: &str = "rerun_ci";

/// Of that many failing jobs the log is read.
const MAX_JOBS: usize = 3;
/// The end of a job's log: failing steps are followed by little else.
const MAX_LOG_BYTES: usize = 4 * 1024 * 1024;

/// A workflow run whose failed jobs shall run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerunRequest {
    /// The run.
    pub run_id: u64,
    /// Which of its attempts failed, from 1: of a later one nothing is run again.
    pub attempt: u64,
}

impl RerunRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({ "run_id": self.run_id, "attempt": self.attempt })
    }
}

/// A run of a workflow.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkflowRun {
    /// Its id.
    pub id: u64,
    /// The commit that it is of.
    pub head_sha: String,
    /// Its workflow's name.
    pub name: Option<String>,
    /// Its workflow's file.
    pub path: String,
    /// Which attempt of it this is, from 1.
    #[serde(default = "first")]
    pub run_attempt: u64,
    /// `completed`, or what is still to come.
    pub status: Option<String>,
    /// How it ended.
    pub conclusion: Option<String>,
    /// Its page.
    pub html_url: String,
}

fn first() -> u64 {
    1
}

impl WorkflowRun {
    /// Whether it has come to its end.
    pub fn is_over(&self) -> bool {
        self.status.as_deref() == Some("completed")
    }

    /// Whether it has ended with jobs that failed, so that they can run again.
    pub fn has_failed(&self) -> bool {
        self.is_over() && matches!(self.conclusion.as_deref(), Some("failure" | "timed_out"))
    }
}

#[derive(Deserialize)]
struct RunsWire {
    workflow_runs: Vec<WorkflowRun>,
}

#[derive(Deserialize)]
pub(super) struct JobsWire {
    pub jobs: Vec<JobWire>,
}

/// A job of a workflow run.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct JobWire {
    pub id: u64,
    pub run_id: u64,
    pub name: String,
    pub conclusion: Option<String>,
    #[serde(default)]
    pub steps: Vec<StepWire>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct StepWire {
    pub name: String,
    pub conclusion: Option<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

impl JobWire {
    pub(super) fn failing_step(&self) -> Option<&StepWire> {
        self.steps.iter().find(|step| matches!(step.conclusion.as_deref(), Some("failure" | "timed_out")))
    }
}

impl GitHubRepo {
    /// What a red commit's author has to know: which jobs and steps fail, and the end of their logs.
    pub async fn red_report(&self, failed: &[Reported]) -> Result<RedReport, GitHubError> {
        let mut names = Vec::new();
        let mut tail = TailBuffer::new(MAX_LOG_BYTES);
        let jobs = self.failing_jobs(failed).await?;
        for job in jobs.iter().take(MAX_JOBS) {
            let step = job.failing_step();
            let name =
                step.map_or_else(|| format!("`{}`", job.name), |step| format!("`{}` in `{}`", step.name, job.name));
            tail.push(format!("== {name}\n").as_bytes());
            match self.job_log(job.id).await {
                Ok(log) => tail.push(&failing_part(&log, step)),
                // Logs are deleted after a while, and can be out of a token's reach; the verdict stands.
                Err(error) => tail.push(format!("(no log: {error})\n").as_bytes()),
            }
            names.push(name);
        }
        if jobs.is_empty() {
            for one in failed {
                let url = one.url.as_deref().unwrap_or_default();
                tail.push(format!("{} failed {url}\n", one.name).as_bytes());
                names.push(format!("`{}`", one.name));
            }
        }
        Ok(RedReport::new(format!("{} failed", names.join(", ")), &tail.into_bytes()))
    }

    /// The jobs of GitHub Actions behind what failed, each once.
    async fn failing_jobs(&self, failed: &[Reported]) -> Result<Vec<JobWire>, GitHubError> {
        let mut jobs: Vec<JobWire> = Vec::new();
        for id in failed.iter().filter_map(|one| one.job_id).take(MAX_JOBS) {
            let subject = format!("job {id} of {}", self.shown());
            let call = self.get(&["actions", "jobs", &id.to_string()], subject);
            jobs.push(self.github.ask(&call).await?.json(&call.subject)?);
        }
        // A workflow that could not be started has no job.
        for run in failed.iter().filter_map(|one| one.run_id).take(MAX_JOBS) {
            if jobs.iter().any(|job| job.run_id == run) {
                continue;
            }
            let subject = format!("the jobs of run {run} of {}", self.shown());
            let call = self.get(&["actions", "runs", &run.to_string(), "jobs"], subject).query("filter", "latest");
            let found = self.github.all(call, |page: JobsWire| page.jobs).await?;
            jobs.extend(
                found.into_iter().filter(|job| matches!(job.conclusion.as_deref(), Some("failure" | "timed_out"))),
            );
        }
        Ok(jobs)
    }

    /// The end of a job's log, which another host has: it is had from there without credentials.
    async fn job_log(&self, id: u64) -> Result<Vec<u8>, GitHubError> {
        let subject = format!("the log of job {id} of {}", self.shown());
        let call = self.get(&["actions", "jobs", &id.to_string(), "logs"], subject);
        let deadline = Instant::now() + self.github.patience().whole;
        self.github.pass_gate(deadline).await?;
        match self.github.tail(&call, MAX_LOG_BYTES).await {
            Ok(log) => Ok(log),
            Err(Failure::Error(error) | Failure::Unsure(error) | Failure::NotSent(error)) => Err(error),
            Err(Failure::Unauthenticated(error, _)) => Err(error),
            Err(Failure::Limited(limited)) => Err(GitHubError::RateLimited { limit: limited.name(), until: None }),
        }
    }

    /// One run of a workflow as it is now.
    pub async fn workflow_run(&self, id: u64) -> Result<WorkflowRun, GitHubError> {
        let call = self.get(&["actions", "runs", &id.to_string()], format!("run {id} of {}", self.shown()));
        self.github.ask(&call).await?.json(&call.subject)
    }

    /// The runs of a commit's workflows.
    pub async fn workflow_runs_of(&self, sha: &str) -> Result<Vec<WorkflowRun>, GitHubError> {
        let subject = format!("the workflow runs of `{sha}` in {}", self.shown());
        let call = self.get(&["actions", "runs"], subject).query("head_sha", sha);
        match self.github.all(call, |page: RunsWire| page.workflow_runs).await {
            // Actions is switched off.
            Err(GitHubError::NotFound { .. } | GitHubError::Gone { .. }) => Ok(Vec::new()),
            found => Ok(found?.into_iter().filter(|run| run.head_sha == sha).collect()),
        }
    }

    /// Runs a workflow run's failed jobs again; fine where a later attempt is there already.
    pub async fn rerun_failed_jobs(&self, permit: &Permit, request: &RerunRequest) -> Result<Pushed, GitHubError> {
        permit.check(RERUN_CI, &self.target(), &request.parameters())?;
        if self.workflow_run(request.run_id).await?.run_attempt > request.attempt {
            return Ok(Pushed::AlreadyThere);
        }
        let subject = format!("another attempt of run {} of {}", request.run_id, self.shown());
        let id = request.run_id.to_string();
        match self.github.ask(&self.post(&["actions", "runs", &id, "rerun-failed-jobs"], subject)).await {
            Ok(_) => Ok(Pushed::Done),
            Err(error) => match self.workflow_run(request.run_id).await {
                Ok(run) if run.run_attempt > request.attempt => Ok(Pushed::Done),
                Ok(_) | Err(_) => Err(error),
            },
        }
    }
}

impl CommitCi {
    /// The first workflow run or page behind the verdict: for a person to look at.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Green { url, .. } => url.as_deref(),
            Self::Red { failed } | Self::Undecided { undecided: failed } => {
                failed.iter().find_map(|one| one.url.as_deref())
            }
            Self::Silent | Self::Pending { .. } => None,
        }
    }

    /// The first workflow run behind the verdict.
    pub fn run_id(&self) -> Option<u64> {
        match self {
            Self::Green { run_id, .. } => *run_id,
            Self::Red { failed } | Self::Undecided { undecided: failed } => failed.iter().find_map(|one| one.run_id),
            Self::Silent | Self::Pending { .. } => None,
        }
    }
}
