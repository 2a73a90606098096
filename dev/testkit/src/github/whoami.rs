use serde_json::json;

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::State;

/// Who has the token, as a classic token shows it.
pub(super) fn user(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let mut user = shapes::user(state, &asked.login);
    let now = shapes::time(state.now());
    let more = json!({
        "name": null, "company": null, "blog": null, "location": null, "email": null, "hireable": null, "bio": null,
        "public_repos": 1, "public_gists": 0, "followers": 0, "following": 0, "created_at": now, "updated_at": now,
    });
    if let (Some(user), Some(more)) = (user.as_object_mut(), more.as_object()) {
        user.extend(more.clone());
    }
    Ok(Answer::ok(user).with("x-oauth-scopes", "repo, workflow"))
}

/// The App itself, which may do less than it needs.
pub(super) fn app(state: &mut State, _: &Asked) -> Result<Answer, Answer> {
    let now = shapes::time(state.now());
    Ok(Answer::ok(json!({
        "id": 1, "slug": "opsmith", "node_id": "A_1", "owner": shapes::user(state, "acme"), "name": "opsmith",
        "description": null, "external_url": state.api, "html_url": state.api, "created_at": now, "updated_at": now,
        "permissions": { "contents": "write", "metadata": "read" }, "events": [],
    })))
}
