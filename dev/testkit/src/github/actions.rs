use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::state::{Job, Repository, Run, State};
use super::{events, runs as all_runs, shapes};

const RUN_URLS: [&str; 7] =
    ["jobs_url", "logs_url", "check_suite_url", "cancel_url", "rerun_url", "artifacts_url", "workflow_url"];

pub(super) fn runs(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let sha = asked.query("head_sha");
    let found = repository.runs.iter().filter(|run| sha.is_empty() || run.sha == sha);
    let shape =
        |run: &Run| run_shape(repository, run, &api, &shapes::repository(repository, &api, now), &shapes::time(now));
    Ok(Answer::list_in("workflow_runs", found.map(shape).collect(), Value::Null))
}

pub(super) fn run(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let id = asked.number("run_id");
    let run = repository.runs.iter().find(|run| run.id == id).ok_or_else(Answer::not_found)?;
    let of_repo = shapes::repository(repository, &api, now);
    Ok(Answer::ok(run_shape(repository, run, &api, &of_repo, &shapes::time(now))))
}

pub(super) fn run_shape(repository: &Repository, run: &Run, api: &str, of_repo: &Value, now: &str) -> Value {
    let told = |text: &str, usual: &str| if text.is_empty() { usual.to_owned() } else { text.to_owned() };
    let object = json!({
        "id": run.id, "node_id": "WR_1", "name": run.name, "head_branch": told(&run.branch, "main"),
        "head_sha": run.sha, "path": told(&run.path, ".github/workflows/ci.yml"), "display_title": run.name,
        "run_number": run.number.max(1), "run_attempt": run.attempt.max(1), "event": told(&run.event, "push"),
        "check_suite_id": run.suite_id.max(1), "status": run.status, "conclusion": run.conclusion, "workflow_id": 1,
        "created_at": now, "updated_at": now, "head_commit": null, "head_repository": of_repo, "repository": of_repo,
        "pull_requests": [],
    });
    let url = format!("{api}/repos/{}/actions/runs/{}", repository.full_name(), run.id);
    let mut object = shapes::with_urls(object, &RUN_URLS, &url);
    object["html_url"] = json!(format!("{}/actions/runs/{}", repository.page, run.id));
    object["url"] = json!(url);
    object
}

pub(super) fn jobs(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let id = asked.number("run_id");
    let found: Vec<&Job> = match asked.query("filter") {
        "all" => repository.jobs.iter().filter(|job| job.run_id == id).collect(),
        _ => repository.latest_jobs(id),
    };
    let found = found.into_iter().map(|job| job_shape(repository, job, &api, &now));
    Ok(Answer::list_in("jobs", found.collect(), Value::Null))
}

pub(super) fn attempt_jobs(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let (id, attempt) = (asked.number("run_id"), asked.number("attempt_number"));
    let found = repository.jobs.iter().filter(|job| job.run_id == id && job.attempt.max(1) == attempt);
    Ok(Answer::list_in("jobs", found.map(|job| job_shape(repository, job, &api, &now)).collect(), Value::Null))
}

pub(super) fn job(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let id = asked.number("job_id");
    let job = repository.jobs.iter().find(|job| job.id == id).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(job_shape(repository, job, &api, &now)))
}

fn job_shape(repository: &Repository, job: &Job, api: &str, now: &str) -> Value {
    let run = repository.runs.iter().find(|run| run.id == job.run_id).cloned().unwrap_or_default();
    let time = |known: Option<DateTime<Utc>>| known.map_or_else(|| now.to_owned(), shapes::time);
    let (began, ended) = job.times;
    let status = match (&job.conclusion, job.queued) {
        (Some(_), _) => "completed",
        (None, true) => "queued",
        (None, false) => "in_progress",
    };
    let branch = if run.branch.is_empty() { "main" } else { &run.branch };
    let steps: Vec<Value> = (1..)
        .zip(&job.steps)
        .map(|(number, step)| {
            json!({
                "name": step.name, "status": "completed", "conclusion": step.conclusion, "number": number,
                "started_at": shapes::time(step.times.0), "completed_at": shapes::time(step.times.1),
            })
        })
        .collect();
    json!({
        "id": job.id, "node_id": "J_1", "run_id": job.run_id, "run_url": format!("{api}/runs/{}", job.run_id),
        "head_sha": run.sha, "head_branch": branch, "workflow_name": run.name, "name": job.name,
        "run_attempt": job.attempt.max(1),
        "url": format!("{api}/jobs/{}", job.id), "html_url": repository.job_page(job.id),
        "status": status, "conclusion": job.conclusion, "started_at": time(began),
        "completed_at": job.conclusion.as_ref().map(|_| time(ended)), "created_at": time(began),
        "check_run_url": format!("{api}/check-runs/{}", job.id), "labels": ["ubuntu-latest"], "runner_id": 1,
        "runner_name": "runner", "runner_group_id": 1, "runner_group_name": "default", "steps": steps,
    })
}

/// Logs are elsewhere, at an address that is good by itself.
pub(super) fn log(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let blobs = state.blobs.clone();
    let repository = asked.repository(state)?;
    let id = asked.number("job_id");
    repository.jobs.iter().find(|job| job.id == id).ok_or_else(Answer::not_found)?;
    Ok(Answer::redirect(302, format!("{blobs}/{}/{id}?sig=secret", repository.id)))
}

/// The log at `repository id/job id`.
pub(super) fn log_of(state: &State, path: &str) -> Option<String> {
    let (repository, job) = path.split_once('/')?;
    let (repository, job): (u64, u64) = (repository.parse().ok()?, job.parse().ok()?);
    let repository = state.repositories.values().find(|known| known.id == repository)?;
    repository.jobs.iter().find(|known| known.id == job).map(|job| job.log.clone())
}

pub(super) fn rerun_failed(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    rerun(state, asked, false)
}

pub(super) fn rerun_all(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    rerun(state, asked, true)
}

fn rerun(state: &mut State, asked: &Asked, all: bool) -> Result<Answer, Answer> {
    let repository = asked.repository(state)?;
    let id = asked.number("run_id");
    let run = repository.runs.iter_mut().find(|run| run.id == id).ok_or_else(Answer::not_found)?;
    if run.status != "completed" {
        return Err(Answer::refuse(403, "The workflow run containing this job is already running"));
    }
    run.attempt += 1;
    run.status = "queued".to_owned();
    run.conclusion = None;
    let name = repository.full_name().to_lowercase();
    events::run(state, &name, id, "requested");
    all_runs::again(state, &name, id, all);
    Ok(Answer::created(json!({})))
}

pub(super) fn cancel(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let repository = asked.repository(state)?;
    let id = asked.number("run_id");
    let run = repository.runs.iter().find(|run| run.id == id).ok_or_else(Answer::not_found)?;
    if run.status == "completed" {
        return Err(Answer::refuse(409, "Cannot cancel a workflow run that is completed."));
    }
    let name = repository.full_name().to_lowercase();
    all_runs::cancel(state, &name, id);
    Ok(Answer::One { status: 202, body: json!({}), headers: Vec::new() })
}
