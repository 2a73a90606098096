use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::{Job, Repository, Run, State};

const RUN_URLS: [&str; 9] = [
    "url",
    "html_url",
    "jobs_url",
    "logs_url",
    "check_suite_url",
    "cancel_url",
    "rerun_url",
    "artifacts_url",
    "workflow_url",
];

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

fn run_shape(repository: &Repository, run: &Run, api: &str, of_repo: &Value, now: &str) -> Value {
    let object = json!({
        "id": run.id, "node_id": "WR_1", "name": run.name, "head_branch": "main", "head_sha": run.sha,
        "path": ".github/workflows/ci.yml", "display_title": run.name, "run_number": 1, "run_attempt": run.attempt,
        "event": "push", "status": run.status, "conclusion": run.conclusion, "workflow_id": 1,
        "created_at": now, "updated_at": now, "head_commit": null, "head_repository": of_repo, "repository": of_repo,
        "pull_requests": [],
    });
    shapes::with_urls(object, &RUN_URLS, &format!("{api}/repos/{}/actions/runs/{}", repository.full_name(), run.id))
}

pub(super) fn jobs(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let id = asked.number("run_id");
    let found = repository.jobs.iter().filter(|job| job.run_id == id);
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
    let sha = repository.runs.iter().find(|run| run.id == job.run_id).map(|run| run.sha.clone()).unwrap_or_default();
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
        "head_sha": sha, "head_branch": "main", "workflow_name": "ci", "name": job.name,
        "url": format!("{api}/jobs/{}", job.id), "html_url": format!("{api}/jobs/{}", job.id),
        "status": if job.conclusion.is_some() { "completed" } else { "in_progress" }, "conclusion": job.conclusion,
        "started_at": now, "completed_at": job.conclusion.as_ref().map(|_| now), "created_at": now,
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

pub(super) fn rerun(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let repository = asked.repository(state)?;
    let id = asked.number("run_id");
    let run = repository.runs.iter_mut().find(|run| run.id == id).ok_or_else(Answer::not_found)?;
    if run.status != "completed" {
        return Err(Answer::refuse(403, "The workflow run containing this job is already running"));
    }
    run.attempt += 1;
    run.status = "queued".to_owned();
    run.conclusion = None;
    Ok(Answer::created(json!({})))
}
