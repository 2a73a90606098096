use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::shapes;
use super::state::{Issue, PullState, Repository, State};

const ISSUE_URLS: [&str; 5] = ["comments_url", "events_url", "labels_url", "repository_url", "url"];

struct Listed<'a> {
    number: u64,
    title: &'a str,
    body: &'a str,
    open: bool,
    is_pull: bool,
}

/// Issues and pull requests, as GitHub mixes them, the newest first.
fn listed(repository: &Repository) -> Vec<Listed<'_>> {
    let issues = repository.issues.iter().map(|issue| Listed {
        number: issue.number,
        title: &issue.title,
        body: &issue.body,
        open: issue.open,
        is_pull: false,
    });
    let pulls = repository.pulls.iter().map(|pull| Listed {
        number: pull.number,
        title: &pull.title,
        body: &pull.body,
        open: pull.state == PullState::Open,
        is_pull: true,
    });
    let mut all: Vec<Listed<'_>> = issues.chain(pulls).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.number));
    all
}

fn shape(repository: &Repository, one: &Listed<'_>, api: &str, now: &str) -> Value {
    let url = format!("{api}/repos/{}/issues/{}", repository.full_name(), one.number);
    let mut object = json!({
        "id": one.number + 20_000, "node_id": "I_1", "number": one.number, "title": one.title, "body": one.body,
        "html_url": format!("{}/issues/{}", repository.page, one.number),
        "state": if one.open { "open" } else { "closed" }, "locked": false, "comments": 0, "assignee": null,
        "milestone": null, "user": shapes::user_at(api, "opsmith"), "created_at": now, "updated_at": now,
        "closed_at": (!one.open).then_some(now),
        "labels": shapes::labels(repository.labels.get(&one.number).map_or(&[], Vec::as_slice), api),
    });
    if one.is_pull {
        object["pull_request"] =
            json!({ "url": url, "html_url": url, "diff_url": url, "patch_url": url, "merged_at": null });
    }
    shapes::with_urls(object, &ISSUE_URLS, &url)
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let wanted = |one: &&Listed<'_>| {
        let labels = repository.labels.get(&one.number);
        let has = |label: &str| labels.is_some_and(|labels| labels.iter().any(|known| known == label));
        let state = asked.query("state") == "all" || one.open;
        state && asked.query("labels").split(',').filter(|label| !label.is_empty()).all(has)
    };
    let all = listed(repository);
    Ok(Answer::list(all.iter().filter(wanted).map(|one| shape(repository, one, &api, &now)).collect()))
}

fn one(state: &mut State, asked: &Asked, number: u64, created: bool) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let all = listed(repository);
    let found = all.iter().find(|one| one.number == number).ok_or_else(Answer::not_found)?;
    let body = shape(repository, found, &api, &now);
    Ok(if created { Answer::created(body) } else { Answer::ok(body) })
}

pub(super) fn get(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    one(state, asked, asked.number("issue_number"), false)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn create(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let repository = asked.repository(state)?;
    let number = repository.next_number();
    let (title, body) = (asked.text("title").to_owned(), asked.text("body").to_owned());
    repository.issues.push(Issue { number, title, body, open: true });
    repository.labels.insert(number, texts(&asked.body["labels"]));
    one(state, asked, number, true)
}

pub(super) fn update(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let number = asked.number("issue_number");
    let repository = asked.repository(state)?;
    let issue = repository.issues.iter_mut().find(|issue| issue.number == number).ok_or_else(Answer::not_found)?;
    if let Some(state) = asked.body["state"].as_str() {
        issue.open = state == "open";
    }
    one(state, asked, number, false)
}

pub(super) fn labels(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let api = state.api.clone();
    let names = asked.repository(state)?.labels.get(&asked.number("issue_number")).cloned().unwrap_or_default();
    Ok(Answer::list(shapes::labels(&names, &api)))
}

pub(super) fn add_labels(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let api = state.api.clone();
    let known = asked.repository(state)?.labels.entry(asked.number("issue_number")).or_default();
    for name in texts(&asked.body["labels"]) {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    Ok(Answer::ok(Value::Array(shapes::labels(known, &api))))
}

pub(super) fn comments(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let number = asked.number("issue_number");
    let comments = &asked.repository(state)?.comments;
    let found = comments.iter().filter(|(of, ..)| *of == number);
    Ok(Answer::list(found.map(|(_, id, text)| comment_shape(*id, text, &api, &now)).collect()))
}

pub(super) fn comment(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now, id) = (state.api.clone(), shapes::time(state.now()), state.next_id());
    let text = asked.text("body").to_owned();
    let shape = comment_shape(id, &text, &api, &now);
    asked.repository(state)?.comments.push((asked.number("issue_number"), id, text));
    Ok(Answer::created(shape))
}

fn comment_shape(id: u64, text: &str, api: &str, now: &str) -> Value {
    json!({
        "id": id, "node_id": "C_1", "body": text, "html_url": format!("{api}/comments/{id}"),
        "issue_url": format!("{api}/issues/1"), "user": shapes::user_at(api, "opsmith"),
        "url": format!("{api}/comments/{id}"), "created_at": now, "updated_at": now,
    })
}
