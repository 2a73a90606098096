//! Doors to the readers of GitHub's answers, for dev/fuzz only.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LINK};
use serde::de::DeserializeOwned;

use super::checks::{CheckRunsWire, StatusesWire};
use super::commit_ci::judge;
use super::job_log::failing_part;
use super::jobs::{JobWire, JobsWire};
use super::pull_request::PullWire;
use super::refusal::{self, Refusal};
use super::{CommitCi, GitHubPull, Reported, WorkflowRun, pages};

/// Reads a body as each answer that has words of ours; what came of it.
#[derive(Debug, PartialEq)]
pub struct Read {
    /// As a pull request.
    pub pull: Option<GitHubPull>,
    /// As a workflow run.
    pub run: Option<WorkflowRun>,
    /// As the jobs of a run: the names of those with a failing step.
    pub failing: Vec<String>,
    /// As check runs, statuses and a workflow run: the verdict.
    pub verdict: CommitCi,
}

/// Reads a body as each answer that has words of ours.
pub fn answer(body: &[u8]) -> Read {
    let run: Option<WorkflowRun> = read(body);
    let mut reported: Vec<Reported> = run.clone().into_iter().map(WorkflowRun::reported).collect();
    if let Some(page) = read::<CheckRunsWire>(body) {
        reported.extend(page.check_runs.into_iter().map(|check| check.reported()));
    }
    if let Some(page) = read::<StatusesWire>(body) {
        reported.extend(page.statuses.into_iter().map(|status| status.reported()));
    }
    let jobs = read::<JobsWire>(body).map(|page| page.jobs).unwrap_or_default();
    let failing = jobs.into_iter().filter(|job| job.failing_step().is_some()).map(|job| job.name).collect();
    Read { pull: read::<PullWire>(body).map(GitHubPull::from), run, failing, verdict: judge(&reported) }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// Reads an answer without success; the words for a person, where it is final.
pub fn refusal(status: u16, headers: &[(&str, &str)], body: &[u8], secret: &str) -> Option<String> {
    let header =
        |(name, value): &(&str, &str)| Some((HeaderName::try_from(*name).ok()?, HeaderValue::try_from(*value).ok()?));
    let headers: HeaderMap = headers.iter().filter_map(header).collect();
    match refusal::read(status, &headers, body, "it", secret) {
        Refusal::Error(error) => Some(error.to_string()),
        Refusal::Limited(_) | Refusal::Broken(_) => None,
    }
}

/// Reads a Link header: the next page.
pub fn next_page(link: &str) -> Option<String> {
    let value = HeaderValue::try_from(link).ok()?;
    pages::next_link(&HeaderMap::from_iter([(LINK, value)]))
}

/// Cuts what a job's failing step wrote out of the job's log.
pub fn failing_lines(job: &[u8], log: &[u8]) -> Vec<u8> {
    let job: Option<JobWire> = read(job);
    failing_part(log, job.as_ref().and_then(JobWire::failing_step))
}
