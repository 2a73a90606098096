//! What webhooks tell of an event, each held against GitHub's description of it.

use serde_json::{Value, json};

use super::state::{Repository, State};
use super::watch::NOTHING;
use super::{actions, checks, hooks, reviews, shapes};

/// Adds what every event has, and sends it.
fn tell(
    state: &mut State,
    name: &str,
    event: &str,
    login: &str,
    fields: impl FnOnce(&Repository, &str, &str) -> Value,
) {
    if !state.hooks.is_any() {
        return;
    }
    let (api, now) = (state.api.clone(), state.now());
    let Some(repository) = state.repositories.get(name) else { return };
    let mut body = fields(repository, &api, &shapes::time(now));
    if body.is_null() {
        return;
    }
    body["repository"] = shapes::repository(repository, &api, now);
    body["sender"] = shapes::user_at(&api, login);
    if let Some(description) = state.description
        && let Err(reason) = description.check_webhook(event, &body)
    {
        state.violations.push(format!("webhook {event}: {reason}"));
    }
    hooks::tell(state, event, &body);
}

/// A branch moved, came or went.
pub(super) fn push(state: &mut State, name: &str, branch: &str, from: Option<&str>, to: Option<&str>) {
    tell(state, name, "push", "ada", |repository, _, now| {
        let (before, after) = (from.unwrap_or(NOTHING), to.unwrap_or(NOTHING));
        let forced = match (from, to) {
            (Some(from), Some(to)) => {
                !repository.git.git(&["rev-list", "--max-count=1", &format!("{to}..{from}")]).is_empty()
            }
            _ => false,
        };
        json!({
            "ref": format!("refs/heads/{branch}"), "before": before, "after": after, "created": from.is_none(),
            "deleted": to.is_none(), "forced": forced, "base_ref": null, "commits": [],
            "compare": format!("{}/compare/{before}...{after}", repository.page),
            "head_commit": to.map(|sha| commit(repository, sha, now)),
            "pusher": { "name": "ada", "email": "ada@example.com" },
        })
    });
}

fn commit(repository: &Repository, sha: &str, now: &str) -> Value {
    let person = json!({ "name": "Ada", "email": "ada@example.com", "username": "ada" });
    json!({
        "id": sha, "tree_id": repository.git.git(&["rev-parse", &format!("{sha}^{{tree}}")]), "distinct": true,
        "message": repository.git.git(&["log", "-1", "--format=%B", sha]), "timestamp": now,
        "url": format!("{}/commit/{sha}", repository.page), "author": person, "committer": person,
        "added": [], "removed": [], "modified": [],
    })
}

/// A pull request was `opened`, `closed` or `reopened`, or has another commit: `synchronize`.
pub(super) fn pull(state: &mut State, name: &str, number: u64, action: &str, before: Option<&str>) {
    let now = state.now();
    tell(state, name, "pull_request", "ada", |repository, api, _| {
        let Some(pull) = repository.pulls.iter().find(|pull| pull.number == number) else { return Value::Null };
        let shape = shapes::pull(repository, pull, api, now, None);
        let mut body = json!({ "action": action, "number": number, "pull_request": shape });
        if let Some(before) = before {
            body["before"] = json!(before);
            body["after"] = json!(pull.head_sha);
        }
        body
    });
}

/// Somebody reviewed.
pub(super) fn review(state: &mut State, name: &str, number: u64, id: u64) {
    let now = state.now();
    tell(state, &name.to_lowercase(), "pull_request_review", "ada", |repository, api, time| {
        let Some(pull) = repository.pulls.iter().find(|pull| pull.number == number) else { return Value::Null };
        let Some(review) = pull.reviews.iter().find(|review| review.id == id) else { return Value::Null };
        let mut shape = reviews::shape(repository, pull, review, api, time);
        // Here the words of the API are small.
        shape["state"] = json!(shape["state"].as_str().unwrap_or_default().to_lowercase());
        json!({ "action": "submitted", "review": shape, "pull_request": shapes::pull(repository, pull, api, now, None) })
    });
}

/// A run was `requested`, is `in_progress` or is `completed`.
pub(super) fn run(state: &mut State, name: &str, id: u64, action: &str) {
    let now = state.now();
    tell(state, name, "workflow_run", "github-actions[bot]", |repository, api, time| {
        let Some(run) = repository.runs.iter().find(|run| run.id == id) else { return Value::Null };
        let of_repo = shapes::repository(repository, api, now);
        let url = format!("{api}/repos/{}/actions/workflows/1", repository.full_name());
        let mut shape = actions::run_shape(repository, run, api, &of_repo, time);
        for field in ["actor", "triggering_actor"] {
            shape[field] = shapes::user_at(api, "ada");
        }
        shape["check_suite_id"] = json!(run.suite_id);
        shape["check_suite_node_id"] = json!(format!("CS_{}", run.suite_id));
        shape["run_started_at"] = json!(time);
        for field in ["head_commit", "head_repository", "repository"] {
            shape[field] = match field {
                "head_commit" => json!({
                    "id": run.sha, "tree_id": run.sha, "message": "", "timestamp": time,
                    "author": { "name": "Ada", "email": "ada@example.com" },
                    "committer": { "name": "Ada", "email": "ada@example.com" },
                }),
                _ => of_repo.clone(),
            };
        }
        for field in
            ["jobs_url", "logs_url", "cancel_url", "rerun_url", "artifacts_url", "workflow_url", "check_suite_url"]
        {
            shape[field] = json!(format!("{api}/{field}"));
        }
        shape["previous_attempt_url"] = Value::Null;
        json!({
            "action": action, "workflow_run": shape,
            "workflow": {
                "id": 1, "node_id": "W_1", "name": run.name, "path": run.path, "state": "active", "url": url,
                "html_url": url, "badge_url": url, "created_at": time, "updated_at": time,
            },
        })
    });
}

/// A check run was `created` or is `completed`.
pub(super) fn check_run(state: &mut State, name: &str, id: u64, action: &str) {
    tell(state, name, "check_run", "github-actions[bot]", |repository, api, time| {
        let Some(check) = repository.check_runs.iter().find(|check| check.id == id) else { return Value::Null };
        let branch = repository.runs.iter().find(|run| run.suite_id == check.suite_id).map(|run| run.branch.clone());
        let mut shape = checks::check_run(repository, check, api, time);
        let app = shape["app"].clone();
        shape["check_suite"] = suite_shape(repository, check.suite_id, &check.sha, branch.as_deref(), api, time, &app);
        json!({ "action": action, "check_run": shape })
    });
}

/// The suite of a run is complete.
pub(super) fn suite(state: &mut State, name: &str, run_id: u64) {
    tell(state, name, "check_suite", "github-actions[bot]", |repository, api, time| {
        let Some(run) = repository.runs.iter().find(|run| run.id == run_id) else { return Value::Null };
        let app = checks::app("github-actions", api, time);
        let mut shape = suite_shape(repository, run.suite_id, &run.sha, Some(&run.branch), api, time, &app);
        shape["head_commit"] = commit(repository, &run.sha, time);
        shape["status"] = json!(run.status);
        shape["conclusion"] = json!(run.conclusion);
        shape["latest_check_runs_count"] = json!(repository.latest_jobs(run_id).len());
        shape["check_runs_url"] = json!(format!("{api}/check-suites/{}/check-runs", run.suite_id));
        json!({ "action": "completed", "check_suite": shape })
    });
}

fn suite_shape(
    repository: &Repository,
    id: u64,
    sha: &str,
    branch: Option<&str>,
    api: &str,
    time: &str,
    app: &Value,
) -> Value {
    json!({
        "id": id, "node_id": format!("CS_{id}"), "head_branch": branch, "head_sha": sha, "status": "in_progress",
        "conclusion": null, "before": NOTHING, "after": sha, "pull_requests": [], "app": app,
        "url": format!("{api}/repos/{}/check-suites/{id}", repository.full_name()),
        "created_at": time, "updated_at": time,
    })
}

/// Somebody reports a status.
pub(super) fn status(state: &mut State, name: &str, id: u64, sha: &str, context: &str, word: &str) {
    tell(state, name, "status", "ada", |repository, api, time| {
        let tips = repository.seen.iter().flatten().filter(|(_, tip)| *tip == sha).map(|(name, _)| name);
        let url = format!("{api}/repos/{}/commits/{sha}", repository.full_name());
        let branch = |name: &String| json!({ "name": name, "protected": false, "commit": { "sha": sha, "url": url } });
        let person = json!({ "name": "Ada", "email": "ada@example.com", "date": time });
        json!({
            "id": id, "sha": sha, "name": repository.full_name(), "target_url": null, "context": context,
            "description": null, "state": word, "branches": tips.map(branch).collect::<Vec<_>>(),
            "created_at": time, "updated_at": time, "avatar_url": null,
            "commit": {
                "sha": sha, "node_id": "C_1", "url": url, "html_url": url, "comments_url": url, "parents": [],
                "author": shapes::user_at(api, "ada"), "committer": shapes::user_at(api, "ada"),
                "commit": {
                    "author": person, "committer": person, "message": "", "url": url, "comment_count": 0,
                    "tree": { "sha": sha, "url": url },
                    "verification": { "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null },
                },
            },
        })
    });
}
