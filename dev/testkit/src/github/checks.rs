use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::state::{CheckRun, Repository, Run, State, Status};
use super::{events, shapes};

pub(super) fn statuses(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let sha = asked.param("ref");
    let mut latest: Vec<&Status> = Vec::new();
    for status in repository.statuses.iter().rev().filter(|status| status.sha == sha) {
        if !latest.iter().any(|known| known.context == status.context) {
            latest.push(status);
        }
    }
    let any = |states: &[&str]| latest.iter().any(|status| states.contains(&status.state.as_str()));
    // GitHub calls it pending too where nobody has reported.
    let combined = match (any(&["failure", "error"]), any(&["pending"]) || latest.is_empty()) {
        (true, _) => "failure",
        (false, true) => "pending",
        (false, false) => "success",
    };
    let shape = |status: &&Status| {
        json!({
            "id": 1, "node_id": "S_1", "state": status.state, "context": status.context, "description": null,
            "target_url": null, "avatar_url": null, "url": format!("{api}/statuses/{sha}"),
            "created_at": shapes::time(now), "updated_at": shapes::time(now),
        })
    };
    let beside = json!({
        "state": combined,
        "sha": sha,
        "repository": shapes::repository(repository, &api, now),
        "commit_url": format!("{api}/commits/{sha}"),
        "url": format!("{api}/commits/{sha}/status"),
    });
    Ok(Answer::list_in("statuses", latest.iter().map(shape).collect(), beside))
}

pub(super) fn check_runs(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let sha = asked.param("ref");
    let found = match asked.query("filter") {
        "all" => repository.check_runs.iter().filter(|run| run.sha == sha).collect(),
        _ => repository.latest_checks(sha),
    };
    let found = found.into_iter().map(|run| check_run(repository, run, &api, &shapes::time(now)));
    Ok(Answer::list_in("check_runs", found.collect(), Value::Null))
}

/// Somebody reports on a commit.
pub(super) fn report(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let name = asked.repository(state)?.full_name();
    let (sha, word) = (asked.param("sha").to_owned(), asked.text("state").to_owned());
    let context = asked.body["context"].as_str().unwrap_or("default").to_owned();
    let id = add_status(state, &name, &sha, &context, &word);
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    Ok(Answer::created(json!({
        "id": id, "node_id": format!("S_{id}"), "state": word, "context": context, "description": null,
        "target_url": null, "avatar_url": null, "url": format!("{api}/statuses/{sha}"),
        "created_at": now, "updated_at": now, "creator": shapes::user_at(&api, &asked.login),
    })))
}

/// Adds a status and tells of it.
pub(super) fn add_status(state: &mut State, name: &str, sha: &str, context: &str, word: &str) -> u64 {
    let (id, name) = (state.next_id(), name.to_lowercase());
    if let Some(repository) = state.repositories.get_mut(&name) {
        let status = Status { sha: sha.to_owned(), context: context.to_owned(), state: word.to_owned() };
        repository.statuses.push(status);
    }
    events::status(state, &name, id, sha, context, word);
    super::watch::merge_what_may(state, &name);
    id
}

pub(super) fn suites(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let time = shapes::time(now);
    let shape = |run: &Run| {
        let id = run.suite_id;
        json!({
            "id": id, "node_id": format!("CS_{id}"), "head_branch": run.branch, "head_sha": run.sha,
            "status": run.status, "conclusion": run.conclusion, "before": run.sha, "after": run.sha,
            "url": format!("{api}/check-suites/{id}"), "created_at": time, "updated_at": time,
            "app": app("github-actions", &api, &time), "repository": shapes::repository(repository, &api, now),
            "head_commit": {
                "id": run.sha, "tree_id": run.sha, "message": "", "timestamp": time,
                "author": { "name": "Ada", "email": "ada@example.com" },
                "committer": { "name": "Ada", "email": "ada@example.com" },
            },
            "latest_check_runs_count": repository.latest_jobs(run.id).len(), "pull_requests": [],
            "check_runs_url": format!("{api}/check-suites/{id}/check-runs"),
        })
    };
    let sha = asked.param("ref");
    let found = repository.runs.iter().filter(|run| run.sha == sha && run.suite_id != 0);
    Ok(Answer::list_in("check_suites", found.map(shape).collect(), Value::Null))
}

pub(super) fn check_run(repository: &Repository, run: &CheckRun, api: &str, now: &str) -> Value {
    let done = run.status == "completed";
    let (began, ended) = run.times;
    let time = |known: Option<DateTime<Utc>>| known.map_or_else(|| now.to_owned(), shapes::time);
    json!({
        "id": run.id, "node_id": "CR_1", "head_sha": run.sha, "name": run.name, "external_id": "",
        "url": format!("{api}/check-runs/{}", run.id), "html_url": repository.job_page(run.id),
        "details_url": repository.job_page(run.id), "status": run.status, "conclusion": run.conclusion, "started_at": time(began),
        "completed_at": done.then(|| time(ended)), "check_suite": { "id": run.suite_id.max(1) }, "pull_requests": [],
        "output": {
            "title": null, "summary": null, "text": null, "annotations_count": 0,
            "annotations_url": format!("{api}/check-runs/{}/annotations", run.id),
        },
        "app": app(&run.app, api, now),
    })
}

/// The App behind a check run.
pub(super) fn app(slug: &str, api: &str, now: &str) -> Value {
    json!({
        "id": 15368, "slug": slug, "node_id": "A_1", "owner": shapes::user_at(api, "github"), "name": slug,
        "description": null, "external_url": api, "html_url": api, "created_at": now, "updated_at": now,
        "permissions": {}, "events": [],
    })
}
