//! Runs of workflows, their jobs and check runs, from the event that starts them to their end.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::progress::Progress;
use super::runner::Attempt;
use super::state::{CheckRun, Job, Pull, Repository, Run, State};
use super::workflow::{FOLDER, Workflow};
use super::{events, merging};
use crate::repo::TestRepo;

/// The slug of the App behind GitHub Actions.
const ACTIONS: &str = "github-actions";

/// What starts workflows.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub event: &'static str,
    pub branch: String,
    pub sha: String,
    /// Of a pull request: the branch to merge into, and its number.
    pub pull: Option<(String, u64)>,
}

impl Cause {
    pub(super) fn push(branch: &str, sha: &str) -> Self {
        Self { event: "push", branch: branch.to_owned(), sha: sha.to_owned(), pull: None }
    }

    pub(super) fn pull(pull: &Pull) -> Self {
        let into = Some((pull.base.clone(), pull.number));
        Self { event: "pull_request", branch: pull.head.clone(), sha: pull.head_sha.clone(), pull: into }
    }
}

/// Starts every workflow that an event starts; nothing where a test writes the runs.
pub(super) fn start(state: &mut State, name: &str, cause: &Cause) {
    let Some(runner) = state.runner.clone() else { return };
    let Some(repository) = state.repositories.get(name) else { return };
    let git = Arc::clone(&repository.git);
    // A pull request that conflicts starts nothing.
    let checkout = match &cause.pull {
        Some((base, _)) => merging::trial(&git, base, &cause.sha),
        None => Some(cause.sha.clone()),
    };
    let Some(checkout) = checkout else { return };
    let files = git.files(&checkout);
    let is_workflow = |file: &&String| {
        file.starts_with(FOLDER)
            && !file[FOLDER.len()..].contains('/')
            && (file.ends_with("yml") || file.ends_with("yaml"))
    };
    for file in files.iter().filter(is_workflow) {
        let parsed = Workflow::parse(&git.read(&checkout, file));
        let filtered = cause.pull.as_ref().map_or(&cause.branch, |(base, _)| base);
        if parsed.as_ref().is_ok_and(|workflow| !workflow.starts(cause.event, filtered)) {
            continue;
        }
        let (run_id, suite_id) = (state.next_id(), state.next_id());
        let Some(repository) = state.repositories.get_mut(name) else { return };
        let number = repository.runs.iter().filter(|run| run.path == *file).count() as u64 + 1;
        let named = parsed.as_ref().ok().and_then(|workflow| workflow.name.clone());
        let ended = parsed.is_err();
        repository.runs.push(Run {
            id: run_id,
            sha: cause.sha.clone(),
            name: named.unwrap_or_else(|| file.clone()),
            status: if ended { "completed" } else { "queued" }.to_owned(),
            conclusion: ended.then(|| "failure".to_owned()),
            attempt: 1,
            branch: cause.branch.clone(),
            event: cause.event.to_owned(),
            path: file.clone(),
            number,
            suite_id,
        });
        events::run(state, name, run_id, "requested");
        match parsed {
            Ok(workflow) => runner.start(
                &state.runtime.clone(),
                Attempt {
                    repository: name.to_owned(),
                    run_id,
                    number: 1,
                    file: file.clone(),
                    workflow,
                    event: cause.event.to_owned(),
                    branch: cause.branch.clone(),
                    pull: cause.pull.clone(),
                    sha: cause.sha.clone(),
                    checkout: checkout.clone(),
                },
            ),
            Err(_) => events::run(state, name, run_id, "completed"),
        }
    }
}

/// A run that has passed, without anything having run.
pub(super) fn pass(state: &mut State, name: &str, branch: &str, sha: &str) {
    let (now, run_id, suite_id, job_id) = (state.now(), state.next_id(), state.next_id(), state.next_id());
    let Some(repository) = state.repositories.get_mut(name) else { return };
    let run = Run {
        id: run_id,
        sha: sha.to_owned(),
        name: "ci".to_owned(),
        status: "completed".to_owned(),
        conclusion: Some("success".to_owned()),
        attempt: 1,
        branch: branch.to_owned(),
        suite_id,
        ..Run::default()
    };
    repository.add_job(&run, job_id, 1, "test", Some(now));
    for job in repository.jobs.iter_mut().filter(|job| job.id == job_id) {
        (job.conclusion, job.times.1) = (Some("success".to_owned()), Some(now));
    }
    repository.end_check(job_id, "success", now);
    repository.runs.push(run);
}

/// Lets what has not passed of a completed run, or all of it, run again; its jobs wait from now on.
pub(super) fn again(state: &mut State, name: &str, run_id: u64, all: bool) {
    let Some(runner) = state.runner.clone() else { return };
    let mut next_id = state.last_id;
    let Some(repository) = state.repositories.get_mut(name) else { return };
    let Some(run) = repository.runs.iter().find(|run| run.id == run_id).cloned() else { return };
    let of_base = repository.pulls.iter().find(|pull| run.event == "pull_request" && pull.head == run.branch);
    let pull = of_base.map(|pull| (pull.base.clone(), pull.number));
    let checkout = match &pull {
        Some((base, _)) => merging::trial(&repository.git, base, &run.sha),
        None => Some(run.sha.clone()),
    };
    let Some(checkout) = checkout else { return };
    let Ok(workflow) = Workflow::parse(&repository.git.read(&checkout, &run.path)) else { return };
    let names: Vec<String> = repository
        .latest_jobs(run_id)
        .into_iter()
        .filter(|job| all || job.conclusion.as_deref() != Some("success"))
        .map(|job| job.name.clone())
        .collect();
    for job_name in names {
        next_id += 1;
        repository.add_job(&run, next_id, run.attempt, &job_name, None);
    }
    state.last_id = next_id;
    let attempt = Attempt {
        repository: name.to_owned(),
        run_id,
        number: run.attempt,
        file: run.path.clone(),
        workflow,
        event: run.event.clone(),
        branch: run.branch.clone(),
        pull,
        sha: run.sha.clone(),
        checkout,
    };
    runner.start(&state.runtime.clone(), attempt);
}

/// The attempt begins; the repository to check out, and GitHub's time.
pub(super) fn begin(state: &mut State, attempt: &Attempt) -> (Arc<TestRepo>, DateTime<Utc>) {
    let now = state.now();
    let repository = state.repositories.get_mut(&attempt.repository).expect("a repository stays");
    let git = Arc::clone(&repository.git);
    if let Some(run) = repository.runs.iter_mut().find(|run| run.id == attempt.run_id) {
        run.status = "in_progress".to_owned();
    }
    events::run(state, &attempt.repository, attempt.run_id, "in_progress");
    (git, now)
}

/// A job begins: its id, or `None` where it has passed in an earlier attempt.
pub(super) fn begin_job(state: &mut State, attempt: &Attempt, name: &str, now: DateTime<Utc>) -> Option<u64> {
    let next_id = state.next_id();
    let repository = state.repositories.get_mut(&attempt.repository)?;
    let run = repository.runs.iter().find(|run| run.id == attempt.run_id)?.clone();
    let known = repository.latest_jobs(attempt.run_id).into_iter().find(|job| job.name == name);
    let id = match known.map(|job| (job.id, job.attempt, job.queued)) {
        Some((id, of, true)) if of == attempt.number => id,
        Some(_) => return None,
        None => {
            repository.add_job(&run, next_id, attempt.number, name, Some(now));
            next_id
        }
    };
    for job in repository.jobs.iter_mut().filter(|job| job.id == id) {
        job.queued = false;
        job.times.0 = Some(now);
    }
    for check in repository.check_runs.iter_mut().filter(|check| check.id == id) {
        check.status = "in_progress".to_owned();
        check.times.0 = Some(now);
    }
    events::check_run(state, &attempt.repository, id, "created");
    Some(id)
}

/// Takes over what a job has come to.
pub(super) fn update_job(state: &mut State, attempt: &Attempt, id: u64, progress: &Progress, now: DateTime<Utc>) {
    let Some(repository) = state.repositories.get_mut(&attempt.repository) else { return };
    let Some(job) = repository.jobs.iter_mut().find(|job| job.id == id) else { return };
    if job.conclusion.is_some() {
        return;
    }
    job.steps = progress.steps();
    job.log = progress.log().to_owned();
    let Some(conclusion) = progress.conclusion else { return };
    job.conclusion = Some(conclusion.to_owned());
    job.times.1 = Some(now);
    repository.end_check(id, conclusion, now);
    events::check_run(state, &attempt.repository, id, "completed");
}

/// The attempt has ended by itself, or has taken too long.
pub(super) fn finish(state: &mut State, attempt: &Attempt, now: DateTime<Utc>, in_time: bool) {
    let name = attempt.repository.clone();
    let mut next_id = state.last_id;
    let Some(repository) = state.repositories.get_mut(&name) else { return };
    let Some(run) = repository.runs.iter().find(|run| run.id == attempt.run_id).cloned() else { return };
    // What act never began needed something that failed.
    let begun: Vec<String> = repository.latest_jobs(run.id).into_iter().map(|job| job.name.clone()).collect();
    for plan in attempt.workflow.jobs() {
        let own = plan.name_in(&serde_json::Value::Null);
        // In a matrix the name goes on, or an expression stands in it.
        let fixed = own.split("${{").next().unwrap_or_default();
        if !begun.iter().any(|name| {
            *name == own || name.starts_with(&format!("{own} (")) || (fixed != own && name.starts_with(fixed))
        }) {
            next_id += 1;
            repository.add_job(&run, next_id, run.attempt, &own, Some(now));
        }
    }
    state.last_id = next_id;
    let open: Vec<(u64, bool)> = repository
        .jobs
        .iter()
        .filter(|job| job.run_id == run.id && job.conclusion.is_none())
        .map(|job| (job.id, job.steps.is_empty()))
        .collect();
    for (id, never_began) in &open {
        let conclusion = match (in_time, never_began) {
            (false, _) => "timed_out",
            (true, true) => "skipped",
            (true, false) => "failure",
        };
        for job in repository.jobs.iter_mut().filter(|job| job.id == *id) {
            job.conclusion = Some(conclusion.to_owned());
            job.queued = false;
            job.times.1 = Some(now);
        }
        repository.end_check(*id, conclusion, now);
    }
    let latest = repository.latest_jobs(run.id);
    let any = |wanted: &str| latest.iter().any(|job| job.conclusion.as_deref() == Some(wanted));
    let passed = !latest.is_empty() && !any("failure") && !any("timed_out") && any("success");
    end_run(repository, run.id, if passed { "success" } else { "failure" });
    for (id, _) in open {
        events::check_run(state, &name, id, "completed");
    }
    events::suite(state, &name, run.id);
    events::run(state, &name, run.id, "completed");
    super::watch::merge_what_may(state, &name);
}

/// Somebody stops a run.
pub(super) fn cancel(state: &mut State, name: &str, run_id: u64) {
    if let Some(runner) = &state.runner {
        runner.cancel(run_id);
    }
    let now = state.now();
    let Some(repository) = state.repositories.get_mut(name) else { return };
    let open: Vec<u64> = repository
        .jobs
        .iter_mut()
        .filter(|job| job.run_id == run_id && job.conclusion.is_none())
        .map(|job| {
            job.conclusion = Some("cancelled".to_owned());
            job.id
        })
        .collect();
    for id in &open {
        repository.end_check(*id, "cancelled", now);
    }
    end_run(repository, run_id, "cancelled");
    for id in open {
        events::check_run(state, name, id, "completed");
    }
    events::suite(state, name, run_id);
    events::run(state, name, run_id, "completed");
}

fn end_run(repository: &mut Repository, run_id: u64, conclusion: &str) {
    for run in repository.runs.iter_mut().filter(|run| run.id == run_id) {
        run.status = "completed".to_owned();
        run.conclusion = Some(conclusion.to_owned());
    }
}

impl Repository {
    /// The newest job of each name of a run.
    pub(super) fn latest_jobs(&self, run_id: u64) -> Vec<&Job> {
        let of_run = |job: &&Job| job.run_id == run_id;
        let later = |job: &Job| {
            self.jobs.iter().filter(of_run).any(|other| other.name == job.name && other.attempt > job.attempt)
        };
        self.jobs.iter().filter(of_run).filter(|job| !later(job)).collect()
    }

    /// The page of a check run: that of its job, where it is one.
    pub(super) fn job_page(&self, id: u64) -> String {
        match self.jobs.iter().find(|job| job.id == id) {
            Some(job) => format!("{}/actions/runs/{}/job/{id}", self.page, job.run_id),
            None => format!("{}/runs/{id}", self.page),
        }
    }

    /// The newest check run of each name of a suite.
    pub(super) fn latest_checks(&self, sha: &str) -> Vec<&CheckRun> {
        let of_sha: Vec<&CheckRun> = self.check_runs.iter().filter(|check| check.sha == sha).collect();
        let later = |at: usize| {
            let one = of_sha[at];
            one.suite_id != 0
                && of_sha[at + 1..].iter().any(|later| later.suite_id == one.suite_id && later.name == one.name)
        };
        of_sha.iter().enumerate().filter(|(at, _)| !later(*at)).map(|(_, check)| *check).collect()
    }

    fn add_job(&mut self, run: &Run, id: u64, attempt: u64, name: &str, began: Option<DateTime<Utc>>) {
        let job = Job {
            id,
            run_id: run.id,
            name: name.to_owned(),
            attempt,
            queued: began.is_none(),
            times: (began, None),
            ..Job::default()
        };
        self.jobs.push(job);
        self.check_runs.push(CheckRun {
            id,
            sha: run.sha.clone(),
            name: name.to_owned(),
            status: if began.is_none() { "queued" } else { "in_progress" }.to_owned(),
            app: ACTIONS.to_owned(),
            suite_id: run.suite_id,
            times: (began, None),
            ..CheckRun::default()
        });
    }

    fn end_check(&mut self, id: u64, conclusion: &str, now: DateTime<Utc>) {
        for check in self.check_runs.iter_mut().filter(|check| check.id == id) {
            check.status = "completed".to_owned();
            check.conclusion = Some(conclusion.to_owned());
            check.times.1 = Some(now);
        }
    }
}
