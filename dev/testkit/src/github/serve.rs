use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request as HttpRequest, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::description::Description;
use super::fault::Fault;
use super::routes::{self, Route};
use super::state::State;
use super::{actions, graphql};

/// The allowance of an hour, which no test uses up.
const LIMIT: &str = "5000";
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// One request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Method and template: `POST /repos/{owner}/{repo}/pulls`.
    pub route: String,
    /// Path and query as they were asked for.
    pub path: String,
    /// What follows `Bearer`.
    pub token: String,
    /// The status of the answer; 0 where there was none.
    pub status: u16,
}

type World = Arc<Mutex<State>>;

pub(super) fn api(state: World) -> Router {
    Router::new().fallback(answer).with_state(state)
}

/// The host that has the logs: it must never see a token.
pub(super) fn blobs(state: World) -> Router {
    let serve = |Shared(state): Shared<World>, headers: HeaderMap, request: HttpRequest| async move {
        let mut state = lock(&state);
        if headers.contains_key(header::AUTHORIZATION) {
            state.violations.push("a token was sent to the host of logs".to_owned());
        }
        let log = actions::log_of(&state, request.uri().path().trim_start_matches('/'));
        let status = if log.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
        let mut response = Response::new(Body::from(log.unwrap_or_default()));
        *response.status_mut() = status;
        response
    };
    Router::new().fallback(serve).with_state(state)
}

fn lock(state: &World) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(Shared(world): Shared<World>, request: HttpRequest) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let whole = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    // An Enterprise server has the same below `/api`.
    let path = head.uri.path().strip_prefix("/api/v3").unwrap_or(head.uri.path()).to_owned();
    let query: HashMap<String, String> = head.uri.query().map(pairs).unwrap_or_default();
    let is_graphql = matches!(path.as_str(), "/graphql" | "/api/graphql") && head.method == "POST";
    let found = routes::find(head.method.as_str(), &path);
    let key = match &found {
        Some((route, _)) => route.key(),
        None if is_graphql => "POST /graphql".to_owned(),
        None => format!("{} {path}", head.method),
    };
    let token = bearer(&head.headers);
    let fault = lock(&world).faults.take(&key);
    if let Some(Fault::Slow(pause)) = &fault {
        tokio::time::sleep(*pause).await;
    }
    let mut state = lock(&world);
    let not_done = match &fault {
        Some(Fault::Status(status)) => Some(Answer::refuse(*status, "as the test wants it")),
        Some(Fault::Broken | Fault::Garbled(_)) => Some(Answer::Empty(200)),
        Some(Fault::Lost | Fault::Slow(_)) | None => None,
    };
    let answered = not_done.unwrap_or_else(|| {
        let asked = Asked {
            params: found.as_ref().map(|(_, params)| params.clone()).unwrap_or_default(),
            query: query.clone(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            login: String::new(),
        };
        judge(&mut state, found.as_ref().map(|(route, _)| *route), is_graphql, &key, &token, asked)
    });
    let response = match (&fault, answered) {
        (Some(Fault::Garbled(text)), _) => Response::new(Body::from(*text)),
        (Some(Fault::Broken | Fault::Lost), _) => broken(),
        (_, answered) => {
            let (status, value, headers) = page(answered, &query, &format!("{}{whole}", state.api));
            if let Some((route, _)) = &found {
                check_answer(&mut state, route, status, value.as_ref());
            }
            write(status, value.as_ref(), headers, &head.headers)
        }
    };
    let status = if matches!(fault, Some(Fault::Broken | Fault::Lost)) { 0 } else { response.status().as_u16() };
    state.asked.push(Request { route: key, path: whole, token, status });
    response
}

/// Lets a request in or not, and does what it asks for.
fn judge(
    state: &mut State,
    route: Option<&'static Route>,
    is_graphql: bool,
    key: &str,
    token: &str,
    mut asked: Asked,
) -> Answer {
    let now = state.now();
    if let Some(answer) = state.faults.storm(now.timestamp()) {
        return answer;
    }
    let for_app = key.contains("/installation");
    if for_app {
        let refusal = state.app.as_ref().map_or(Some("no App"), |app| app.refusal(token, now.timestamp()));
        if let Some(refusal) = refusal {
            return Answer::refuse(401, refusal);
        }
    } else {
        let grant = state.tokens.get(token).filter(|grant| grant.ends_at.is_none_or(|end| end > now));
        let Some(grant) = grant else { return Answer::refuse(401, "Bad credentials") };
        asked.login = grant.login.clone();
    }
    if let Some(permission) = state.denied.get(key) {
        let answer = Answer::refuse(403, "Resource not accessible by integration");
        return answer.with("x-accepted-github-permissions", permission);
    }
    if is_graphql {
        return graphql::answer(state, &asked);
    }
    let Some(route) = route else { return Answer::not_found() };
    check_request(state, route, &asked);
    if let Some(moved) = moved(state, route, &asked) {
        return moved;
    }
    if let Some(repository) = state.repository(asked.param("owner"), asked.param("repo")) {
        repository.follow_branches();
    }
    (route.answer)(state, &asked).unwrap_or_else(|refusal| refusal)
}

/// The redirect of a repository that has another name.
fn moved(state: &mut State, route: &Route, asked: &Asked) -> Option<Answer> {
    let api = state.api.clone();
    let repository = state.repository(asked.param("owner"), asked.param("repo"))?;
    let to = repository.renamed_to.clone()?;
    let rest: Vec<String> = route
        .template
        .split('/')
        .skip(4)
        .map(|word| match word.strip_prefix('{') {
            Some(name) => asked.param(name.trim_end_matches('}')).to_owned(),
            None => word.to_owned(),
        })
        .collect();
    let path = [vec![to], rest].concat().join("/");
    let query: Vec<String> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    Some(Answer::redirect(if route.method == "GET" { 301 } else { 307 }, format!("{api}/repos/{path}{query}")))
}

fn check_request(state: &mut State, route: &Route, asked: &Asked) {
    let Some(description) = Description::load() else { return };
    let checked = description.check_request(route.method, route.template, &asked.query, &asked.body);
    if let Err(reason) = checked {
        state.violations.push(format!("request {}: {reason}", route.key()));
    }
}

fn check_answer(state: &mut State, route: &Route, status: u16, body: Option<&Value>) {
    let Some(description) = Description::load() else { return };
    if let Err(reason) = description.check_answer(route.method, route.template, status, body) {
        state.violations.push(format!("answer {status} of {}: {reason}", route.key()));
    }
}

/// Cuts a list to the page that is asked for, with the links to others.
fn page(
    answer: Answer,
    query: &HashMap<String, String>,
    url: &str,
) -> (u16, Option<Value>, Vec<(&'static str, String)>) {
    match answer {
        Answer::One { status, body, headers } => (status, Some(body), headers),
        Answer::Empty(status) => (status, None, Vec::new()),
        Answer::List { items, within, beside } => {
            let number =
                |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
            let (size, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
            let total = items.len();
            let shown: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
            let mut headers = Vec::new();
            if page * size < total {
                let (base, _) = url.split_once('?').unwrap_or((url, ""));
                let mut others: Vec<String> = query
                    .iter()
                    .filter(|(name, _)| *name != "page")
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                others.push(format!("page={}", page + 1));
                let last = total.div_ceil(size);
                headers.push((
                    "link",
                    format!("<{base}?{}>; rel=\"next\", <{base}?page={last}>; rel=\"last\"", others.join("&")),
                ));
            }
            let body = match within {
                None => Value::Array(shown),
                Some(field) => {
                    let mut body = if beside.is_object() { beside } else { json!({}) };
                    body["total_count"] = json!(total);
                    body[field] = Value::Array(shown);
                    body
                }
            };
            (200, Some(body), headers)
        }
    }
}

fn write(status: u16, body: Option<&Value>, headers: Vec<(&'static str, String)>, asked: &HeaderMap) -> Response<Body> {
    let text = body.map(ToString::to_string).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let etag = format!("W/\"{:016x}\"", hasher.finish());
    let mut response = Response::builder().header("x-ratelimit-limit", LIMIT).header("x-github-request-id", "FAKE");
    if !headers.iter().any(|(name, _)| *name == "x-ratelimit-remaining") {
        response = response.header("x-ratelimit-remaining", "4999");
    }
    for (name, value) in headers {
        response = response.header(name, value);
    }
    if status == 200 && body.is_some() {
        response = response.header(header::ETAG, &etag);
        if asked.get(header::IF_NONE_MATCH).is_some_and(|known| *known == etag) {
            return response.status(304).body(Body::empty()).expect("a response");
        }
    }
    response = response.status(status).header(header::CONTENT_TYPE, "application/json; charset=utf-8");
    response.body(Body::from(text)).expect("a response")
}

/// An answer that ends in the middle.
fn broken() -> Response<Body> {
    let pieces = futures::stream::iter([Ok(Bytes::from_static(b"{\"id\":")), Err(std::io::Error::other("broken"))]);
    Response::builder().header(header::CONTENT_LENGTH, 1_000).body(Body::from_stream(pieces)).expect("a response")
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

fn pairs(query: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
