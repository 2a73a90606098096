use serde_json::json;

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::State;

pub(super) fn repository(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    Ok(Answer::ok(shapes::repository(asked.repository(state)?, &api, now)))
}

pub(super) fn git_ref(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let api = state.api.clone();
    let repository = asked.repository(state)?;
    let name = asked.param("ref");
    let branch = name.strip_prefix("heads/").ok_or_else(Answer::not_found)?;
    let sha = repository.git.branch_sha(branch).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(json!({
        "ref": format!("refs/{name}"),
        "node_id": "REF_1",
        "url": format!("{api}/git/refs/1"),
        "object": { "type": "commit", "sha": sha, "url": format!("{api}/git/commits/{sha}") },
    })))
}
