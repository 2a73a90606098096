use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::{Pull, State};

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let api = state.api.clone();
    let repository = asked.repository(state)?;
    let pull = repository.pull(asked.number("pull_number")).ok_or_else(Answer::not_found)?;
    let (teams, users): (Vec<&String>, Vec<&String>) = pull.requested.iter().partition(|name| name.starts_with('@'));
    Ok(Answer::ok(json!({
        "users": users.iter().map(|login| shapes::user_at(&api, login)).collect::<Vec<_>>(),
        "teams": teams.iter().map(|slug| team(slug.trim_start_matches('@'), &api)).collect::<Vec<_>>(),
    })))
}

pub(super) fn request(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let names = |field: &str, mark: &str| -> Vec<String> {
        let names = asked.body[field].as_array().cloned().unwrap_or_default();
        names.iter().filter_map(Value::as_str).map(|name| format!("{mark}{name}")).collect()
    };
    let wanted = [names("reviewers", ""), names("team_reviewers", "@")].concat();
    let known = repository.reviewers.clone();
    let pull = repository.pull(asked.number("pull_number")).ok_or_else(Answer::not_found)?;
    if wanted.contains(&pull.author) {
        return Err(Answer::refuse(422, "Review cannot be requested from pull request author."));
    }
    if wanted.iter().any(|name| !known.contains(name)) {
        let message = "Reviews may only be requested from collaborators. One or more of the users or teams you \
                       specified is not a collaborator of the repository.";
        return Err(Answer::refuse(422, message));
    }
    for name in wanted {
        if !pull.requested.contains(&name) {
            pull.requested.push(name);
        }
    }
    let pull: Pull = pull.clone();
    Ok(Answer::created(shapes::pull(repository, &pull, &api, now, None)))
}

fn team(slug: &str, api: &str) -> Value {
    json!({
        "id": 1, "node_id": "T_1", "name": slug, "slug": slug, "description": null, "permission": "pull",
        "parent": null, "type": "organization", "url": format!("{api}/teams/1"),
        "html_url": format!("{api}/teams/1"), "members_url": format!("{api}/teams/1/members"),
        "repositories_url": format!("{api}/teams/1/repos"),
    })
}
