use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::{CheckRun, State, Status};

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
    let found = repository.check_runs.iter().filter(|run| run.sha == sha);
    Ok(Answer::list_in("check_runs", found.map(|run| check_run(run, &api, &shapes::time(now))).collect(), Value::Null))
}

fn check_run(run: &CheckRun, api: &str, now: &str) -> Value {
    let done = run.status == "completed";
    json!({
        "id": run.id, "node_id": "CR_1", "head_sha": run.sha, "name": run.name, "external_id": null,
        "url": format!("{api}/check-runs/{}", run.id), "html_url": format!("{api}/runs/{}", run.id),
        "details_url": null, "status": run.status, "conclusion": run.conclusion, "started_at": now,
        "completed_at": done.then_some(now), "check_suite": { "id": 1 }, "pull_requests": [],
        "output": {
            "title": null, "summary": null, "text": null, "annotations_count": 0,
            "annotations_url": format!("{api}/check-runs/{}/annotations", run.id),
        },
        "app": {
            "id": 15368, "slug": run.app, "node_id": "A_1", "owner": shapes::user_at(api, "github"), "name": run.app,
            "description": null, "external_url": api, "html_url": api, "created_at": now, "updated_at": now,
            "permissions": {}, "events": [],
        },
    })
}
