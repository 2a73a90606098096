use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State as Shared};
use axum::http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::fault::Fault;
use super::limits::Account;
use super::routes::{self, Route};
use super::state::State;
use super::wire::Line;
use super::{actions, app, faulty, graphql, watch};

const MEDIA: &str = "github.v3; format=json";
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
    let line = request.extensions().get::<ConnectInfo<Line>>().map(|ConnectInfo(line)| line.clone());
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let whole = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    // An Enterprise server has the same below `/api`.
    let path = head.uri.path().strip_prefix("/api/v3").unwrap_or(head.uri.path());
    let path = by_name(&lock(&world), path);
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
    let instead = fault.as_ref().and_then(faulty::instead);
    let response = match instead {
        Some(response) => response,
        None => {
            let asked = Asked {
                params: found.as_ref().map(|(_, params)| params.clone()).unwrap_or_default(),
                query: query.clone(),
                body: serde_json::from_slice(&body).unwrap_or(Value::Null),
                login: String::new(),
            };
            let route = found.as_ref().map(|(route, _)| *route);
            let account = (!key.contains("/installation")).then(|| {
                let now = state.now();
                state.limits.count(&token, now)
            });
            let spent = account.and_then(|account| account.refusal(&token_owner(&state, &token)));
            let answered = spent.unwrap_or_else(|| judge(&mut state, route, is_graphql, &key, &token, asked));
            let (status, value, mut headers) = page(answered, &query, &format!("{}{whole}", state.api));
            if let Some(route) = route {
                check_answer(&mut state, route, status, value.as_ref());
            }
            for (name, value) in account.iter().flat_map(Account::headers) {
                if !headers.iter().any(|(known, _)| *known == name) {
                    headers.push((name, value));
                }
            }
            let response = write(status, value.as_ref(), headers, &head.headers);
            if response.status() == StatusCode::NOT_MODIFIED {
                state.limits.forgive(&token);
            }
            response
        }
    };
    let response = match &fault {
        Some(fault) => faulty::spoil(fault, response, line.as_ref()),
        None => response,
    };
    let unanswered = matches!(fault, Some(Fault::Broken | Fault::Lost | Fault::Reset));
    let status = if unanswered { 0 } else { response.status().as_u16() };
    state.asked.push(Request { route: key, path: whole, token, status });
    response
}

/// A path below `/repositories/{id}`, where GitHub sends who asks for an old name, by the name of now.
fn by_name(state: &State, path: &str) -> String {
    let Some(rest) = path.strip_prefix("/repositories/") else { return path.to_owned() };
    let (id, rest) = rest.split_once('/').map_or((rest, String::new()), |(id, rest)| (id, format!("/{rest}")));
    let repository = state.repositories.values().find(|known| known.id.to_string() == id);
    repository.map_or_else(|| path.to_owned(), |known| format!("/repos/{}{rest}", known.full_name()))
}

fn token_owner(state: &State, token: &str) -> String {
    state.tokens.get(token).map_or_else(|| "127.0.0.1".to_owned(), |grant| format!("user {}", grant.login))
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
    let for_app = key == "GET /app" || key.contains("/installation");
    if for_app {
        let refusal = state.app.as_ref().map_or(Some("no App"), |app| app.refusal(token, now.timestamp()));
        if let Some(refusal) = refusal {
            return Answer::refuse(401, refusal);
        }
    } else {
        let grant = state.tokens.get(token).filter(|grant| grant.ends_at.is_none_or(|end| end > now));
        let Some(grant) = grant else { return Answer::refuse(401, "Bad credentials") };
        asked.login = grant.login.clone();
        if state.suspended && asked.login.ends_with("[bot]") {
            return app::suspended();
        }
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
        if repository.archived && route.method != "GET" {
            return Answer::refuse(403, "Repository was archived so is read-only.");
        }
        let name = repository.full_name().to_lowercase();
        watch::look_at(state, &name);
    }
    (route.answer)(state, &asked).unwrap_or_else(|refusal| refusal)
}

/// The redirect of a repository that has another name: to its id, as GitHub does.
fn moved(state: &mut State, route: &Route, asked: &Asked) -> Option<Answer> {
    let api = state.api.clone();
    let to = state.repository(asked.param("owner"), asked.param("repo"))?.renamed_to.clone()?;
    let id = state.repositories.get(&to.to_lowercase())?.id;
    let rest: String = route
        .template
        .split('/')
        .skip(4)
        .map(|word| match word.strip_prefix('{') {
            Some(name) => format!("/{}", asked.param(name.trim_end_matches('}'))),
            None => format!("/{word}"),
        })
        .collect();
    let query: Vec<String> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let status = if route.method == "GET" { 301 } else { 307 };
    Some(Answer::redirect(status, format!("{api}/repositories/{id}{rest}{query}")))
}

fn check_request(state: &mut State, route: &Route, asked: &Asked) {
    let Some(description) = state.description else { return };
    let checked = description.check_request(route.method, route.template, &asked.query, &asked.body);
    if let Err(reason) = checked {
        state.violations.push(format!("request {}: {reason}", route.key()));
    }
}

fn check_answer(state: &mut State, route: &Route, status: u16, body: Option<&Value>) {
    let Some(description) = state.description else { return };
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
    let mut response = Response::builder().header("x-github-request-id", "FAKE").header("x-github-media-type", MEDIA);
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

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").unwrap_or_default().to_owned()
}

fn pairs(query: &str) -> HashMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
