use serde_json::json;

use super::answer::{Answer, Asked};
use super::state::{Pull, PullState, Repository, State};
use super::{events, merging, protection, shapes, watch};

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let wanted = |pull: &&Pull| {
        let open = pull.state == PullState::Open;
        let state = match asked.query("state") {
            "all" => true,
            "closed" => !open,
            _ => open,
        };
        let label = format!("{}:{}", repository.owner, pull.head);
        let head = asked.query("head");
        // GitHub ignores a head without an owner.
        let head = !head.contains(':') || head.eq_ignore_ascii_case(&label);
        let base = asked.query("base");
        state && head && (base.is_empty() || base == pull.base)
    };
    let mut found: Vec<&Pull> = repository.pulls.iter().filter(wanted).collect();
    if asked.query("direction") != "asc" {
        found.reverse();
    }
    Ok(Answer::list(found.into_iter().map(|pull| shapes::pull(repository, pull, &api, now, None)).collect()))
}

pub(super) fn create(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let (head, base) = (asked.text("head").to_owned(), asked.text("base").to_owned());
    let invalid = |field: &str| Answer::invalid("PullRequest", field, "invalid", "");
    let head_sha = repository.git.branch_sha(&head).ok_or_else(|| invalid("head"))?;
    repository.git.branch_sha(&base).ok_or_else(|| invalid("base"))?;
    let doubled = |pull: &Pull| pull.state == PullState::Open && pull.head == head && pull.base == base;
    if repository.pulls.iter().any(doubled) {
        let message = format!("A pull request already exists for {}:{head}.", repository.owner);
        return Err(Answer::invalid("PullRequest", "", "custom", &message));
    }
    if merging::is_merged(&repository.git, &base, &head_sha) {
        let message = format!("No commits between {base} and {head}");
        return Err(Answer::invalid("PullRequest", "", "custom", &message));
    }
    let pull = Pull {
        number: repository.next_number(),
        title: asked.text("title").to_owned(),
        body: asked.text("body").to_owned(),
        head,
        head_sha,
        base,
        state: PullState::Open,
        author: asked.login.clone(),
        requested: Vec::new(),
        looks_until_known: 0,
        blocked_by: None,
        reviews: Vec::new(),
        auto_merge: None,
    };
    let answer = Answer::created(shapes::pull(repository, &pull, &api, now, None));
    let (name, number) = (repository.full_name().to_lowercase(), pull.number);
    repository.pulls.push(pull);
    events::pull(state, &name, number, "opened", None);
    watch::start_for_pull(state, &name, number);
    Ok(answer)
}

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let pull = repository.pull(asked.number("pull_number")).ok_or_else(Answer::not_found)?;
    let known = pull.looks_until_known == 0;
    pull.looks_until_known = pull.looks_until_known.saturating_sub(1);
    let pull = pull.clone();
    let mergeable = known.then(|| merging::merges(&repository.git, &pull.base, &pull.head_sha));
    Ok(Answer::ok(shapes::pull(repository, &pull, &api, now, mergeable)))
}

pub(super) fn update(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), state.now());
    let repository = asked.repository(state)?;
    let base_exists = repository.git.branch_sha(asked.text("base")).is_some();
    let pull = repository.pull(asked.number("pull_number")).ok_or_else(Answer::not_found)?;
    if let Some(base) = asked.body["base"].as_str() {
        if !base_exists {
            return Err(Answer::invalid("PullRequest", "base", "invalid", ""));
        }
        pull.base = base.to_owned();
    }
    for (name, field) in [("title", &mut pull.title), ("body", &mut pull.body)] {
        if let Some(text) = asked.body[name].as_str() {
            *field = text.to_owned();
        }
    }
    let closes = asked.text("state") == "closed" && pull.state == PullState::Open;
    if closes {
        pull.state = PullState::Closed;
    }
    let pull = pull.clone();
    let answer = Answer::ok(shapes::pull(repository, &pull, &api, now, None));
    if closes {
        let name = repository.full_name().to_lowercase();
        events::pull(state, &name, pull.number, "closed", None);
    }
    Ok(answer)
}

pub(super) fn merge(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let repository = asked.repository(state)?;
    let pull = repository.pull(asked.number("pull_number")).ok_or_else(Answer::not_found)?.clone();
    if pull.state != PullState::Open {
        return Err(Answer::refuse(405, "Pull Request is not mergeable"));
    }
    if asked.body["sha"].as_str().is_some_and(|sha| sha != pull.head_sha) {
        return Err(Answer::refuse(409, "Head branch was modified. Review and try the merge again."));
    }
    if let Some(rule) = protection::blocked(repository, &pull) {
        return Err(protection::refusal(&rule));
    }
    let method = asked.body["merge_method"].as_str().unwrap_or("merge");
    if !repository.methods.contains(&method) {
        return Err(Answer::refuse(405, &format!("{method} merges are not allowed on this repository.")));
    }
    let title = asked.body["commit_title"].as_str().unwrap_or(&pull.title);
    let message = format!("{title}\n\n{}", asked.text("commit_message"));
    let sha = merge_now(repository, &pull, method, &message)?;
    let name = repository.full_name().to_lowercase();
    events::pull(state, &name, pull.number, "closed", None);
    watch::look_at(state, &name);
    Ok(Answer::ok(json!({ "merged": true, "message": "Pull Request successfully merged", "sha": sha })))
}

/// Merges with git, and marks the pull request.
pub(super) fn merge_now(
    repository: &mut Repository,
    pull: &Pull,
    method: &str,
    message: &str,
) -> Result<String, Answer> {
    let merged = merging::merge(&repository.git, method, &pull.base, &pull.head_sha, message);
    let sha = merged.ok_or_else(|| Answer::refuse(405, "Pull Request is not mergeable"))?;
    if let Some(pull) = repository.pull(pull.number) {
        pull.state = PullState::Merged(sha.clone());
    }
    Ok(sha)
}
