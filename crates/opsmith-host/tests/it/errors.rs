use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use opsmith_host::http::{Json, Problem, Query, ServeOptions};
use opsmith_model::{ConfirmationId, ErrorKind, Hint, Operation, Plan, Principal, Target};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{Server, problem};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    repo: String,
    limits: Option<Limits>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    attempts: Vec<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: u8,
}

#[derive(Debug, thiserror::Error)]
#[error("the `secret` table is gone")]
struct Broken(ErrorKind, #[source] std::io::Error);

impl Hint for Broken {
    fn kind(&self) -> ErrorKind {
        self.0
    }

    fn hint(&self) -> Option<String> {
        Some("mend it".to_owned())
    }
}

async fn fails(Path(kind): Path<String>) -> Result<(), Problem> {
    let kind: ErrorKind = serde_json::from_value(json!(kind)).unwrap();
    Err(Broken(kind, std::io::Error::other("disk detail")))?
}

async fn confirm() -> Problem {
    let target = Target::new("local/a");
    let operation = Operation { kind: "ampx.merge".into(), target, principal: Principal::user("ada"), key: "k".into() };
    let now = DateTime::<Utc>::UNIX_EPOCH;
    Problem::confirmation_required(ConfirmationId::new(now), &Plan { operation, effects: vec![] }, now)
}

async fn server() -> Server {
    let router = Router::new()
        .route("/tasks", post(async |Json(task): Json<NewTask>| Json(task)))
        .route("/list", get(async |Query(page): Query<Page>| page.limit.to_string()))
        .route("/number/{n}", get(async |Path(n): Path<u8>| n.to_string()))
        .route("/fails/{kind}", get(fails))
        .route("/confirm", get(confirm))
        .route("/panics", get(async || -> String { panic!("the inside of it") }));
    Server::start(router, ServeOptions { body_limit_bytes: 1_000, ..ServeOptions::default() }).await
}

#[tokio::test]
async fn a_body_that_does_not_fit_names_its_field() {
    let server = server().await;
    for (body, status, field, says) in [
        ("{}", 400, Some("repo"), "is required"),
        (r#"{"repo": 3}"#, 400, Some("repo"), "invalid type: integer `3`, expected a string"),
        (r#"{"repo": "a", "rpeo": 1}"#, 400, Some("rpeo"), "is not known, expected `repo` or `limits`"),
        (r#"{"repo": "a", "limits": {}}"#, 400, Some("limits.attempts"), "is required"),
        (r#"{"repo": "a", "limits": {"attempts": [1, 256]}}"#, 400, Some("limits.attempts[1]"), "256"),
        ("[", 400, None, "not JSON"),
        (r#"{"repo": "a"} x"#, 400, None, "not JSON"),
        ("3", 400, None, "the body: invalid type"),
    ] {
        let sent = server.post("/tasks").header("content-type", "application/json").body(body).send().await.unwrap();
        let body_of = problem(sent).await;
        assert_eq!((body_of.status, body_of.error.as_str()), (status, "invalid"), "{body}");
        match field {
            Some(field) => assert!(body_of.fields[field].contains(says), "{body}: {:?}", body_of.fields),
            None => assert!(body_of.fields.is_empty() && body_of.message.contains(says), "{body}: {body_of:?}"),
        }
    }
    let echoed = server.post("/tasks").json(&json!({"repo": "a"})).send().await.unwrap();
    assert_eq!(echoed.text().await.unwrap(), r#"{"repo":"a","limits":null}"#);
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_json_is_told_so() {
    let server = server().await;
    let large = problem(server.post("/tasks").json(&json!({"repo": "a".repeat(2_000)})).send().await.unwrap()).await;
    assert_eq!((large.status, large.error.as_str()), (413, "too_large"));
    let form = server.post("/tasks").header("content-type", "text/plain").body("{}").send().await.unwrap();
    let form = problem(form).await;
    assert_eq!((form.status, form.error.as_str()), (415, "unsupported_media_type"));
}

#[tokio::test]
async fn a_query_that_does_not_fit_names_its_parameter() {
    let server = server().await;
    for (query, field, says) in [
        ("limit=300", "limit", "number too large"),
        ("limit=x", "limit", "invalid digit"),
        ("", "limit", "is required"),
        ("limit=1&lmit=2", "lmit", "is not known, expected `limit`"),
    ] {
        let body = problem(server.get(&format!("/list?{query}")).send().await.unwrap()).await;
        assert_eq!(body.status, 400);
        assert!(body.fields[field].contains(says), "{query}: {:?}", body.fields);
    }
}

#[tokio::test]
async fn the_routers_own_errors_are_problems_too() {
    let server = server().await;
    let gone = problem(server.get("/nowhere").send().await.unwrap()).await;
    assert_eq!((gone.status, gone.error.as_str(), gone.message.as_str()), (404, "not_found", "there is no `/nowhere`"));
    let wrong = server.post("/list").send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "GET,HEAD");
    let wrong = problem(wrong).await;
    assert_eq!((wrong.status, wrong.error.as_str()), (405, "method_not_allowed"));
    let path = problem(server.get("/number/x").send().await.unwrap()).await;
    assert_eq!(path.status, 400);
    assert!(path.message.contains("`x`"), "{path:?}");
}

#[tokio::test]
async fn what_is_ours_stays_inside() {
    let server = server().await;
    for path in ["/panics", "/fails/bug"] {
        let answer = server.get(path).send().await.unwrap();
        assert_eq!(answer.status(), 500);
        let body = problem(answer).await;
        let sent = serde_json::to_string(&body).unwrap();
        assert!(!sent.contains("inside") && !sent.contains("secret") && !sent.contains("disk"), "{sent}");
        assert_eq!((body.error.as_str(), body.hint), ("bug", None));
    }
    let failed = problem(server.get("/fails/failed").send().await.unwrap()).await;
    assert_eq!((failed.status, failed.message.as_str()), (502, "the `secret` table is gone"));
    assert_eq!(failed.hint.as_deref(), Some("mend it"));
    assert!(!serde_json::to_string(&failed).unwrap().contains("disk"), "causes stay in the log");
}

#[tokio::test]
async fn every_kind_has_its_status_and_comes_back_as_itself() {
    let server = server().await;
    for (kind, status) in [
        ("invalid", 400),
        ("unauthenticated", 401),
        ("denied", 403),
        ("not_found", 404),
        ("conflict", 409),
        ("confirmation_required", 409),
        ("too_large", 413),
        ("rate_limited", 429),
        ("failed", 502),
        ("unavailable", 503),
    ] {
        let answer = server.get(&format!("/fails/{kind}")).send().await.unwrap();
        assert_eq!(answer.headers().contains_key("www-authenticate"), status == 401);
        let body = problem(answer).await;
        assert_eq!((body.status, body.kind().as_str()), (status, kind));
    }
}

#[tokio::test]
async fn a_confirmation_carries_what_to_confirm() {
    let server = server().await;
    let body = problem(server.get("/confirm").send().await.unwrap()).await;
    assert_eq!((body.status, body.error.as_str()), (409, "confirmation_required"));
    let plan: Plan = serde_json::from_value(body.plan.clone().unwrap()).unwrap();
    assert_eq!(body.digest.as_deref(), Some(plan.digest().as_str()));
    assert_eq!(body.expires_at, Some(DateTime::<Utc>::UNIX_EPOCH));
    let id: ConfirmationId = body.confirmation_id.unwrap().parse().unwrap();
    assert!(body.hint.unwrap().contains(&id.to_string()));
}
