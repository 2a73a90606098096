//! Vault's key-value store over HTTP, as its documentation has it, played by a server that keeps what it is given.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use opsmith_guard::secrets::{KnownSecrets, ResolveError, SecretRef, SecretStore, Sources, Vault, VaultError};
use opsmith_model::{ErrorKind, Hint as _, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const TOKEN: &str = "the token of this vault";

/// A Vault on a port of its own; gone when dropped.
pub struct VaultFake {
    pub address: String,
    kept: Kept,
    server: JoinHandle<()>,
}

type Kept = Arc<Mutex<BTreeMap<String, Value>>>;

impl VaultFake {
    pub async fn start() -> Self {
        let kept = Kept::default();
        let router = Router::new().route("/v1/{mount}/data/{*path}", any(entry)).with_state(Arc::clone(&kept));
        let (address, server) = serve(router).await;
        Self { address: format!("http://{address}"), kept, server }
    }

    pub fn client(&self) -> Vault {
        Vault::new(&self.address, &Secret::new(TOKEN), None).unwrap()
    }

    /// Puts what somebody else wrote there.
    pub fn put(&self, path: &str, fields: Value) {
        self.kept.lock().unwrap().insert(path.to_owned(), fields);
    }

    pub fn at(&self, path: &str) -> Option<Value> {
        self.kept.lock().unwrap().get(path).cloned()
    }
}

impl Drop for VaultFake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(router: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

async fn entry(
    State(kept): State<Kept>,
    method: Method,
    Path((mount, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let refuse = |status: StatusCode, why: &str| (status, Json(json!({ "errors": [why] }))).into_response();
    if headers.get("x-vault-token").is_none_or(|token| token != TOKEN) {
        return refuse(StatusCode::FORBIDDEN, "permission denied");
    }
    if mount != "secret" {
        return (StatusCode::NOT_FOUND, Json(json!({ "errors": [] }))).into_response();
    }
    let metadata =
        json!({ "created_time": "2026-11-21T12:00:00Z", "deletion_time": "", "destroyed": false, "version": 1 });
    let mut kept = kept.lock().unwrap();
    let path = format!("{mount}/{path}");
    match method {
        Method::GET => match kept.get(&path) {
            Some(data) => Json(json!({ "data": { "data": data, "metadata": metadata } })).into_response(),
            None => (StatusCode::NOT_FOUND, Json(json!({ "errors": [] }))).into_response(),
        },
        Method::POST => {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert!(body["data"].as_object().unwrap().values().all(Value::is_string));
            kept.insert(path, body["data"].clone());
            Json(json!({ "data": metadata })).into_response()
        }
        _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "unsupported operation"),
    }
}

#[tokio::test]
async fn a_field_of_vault_is_a_secret_of_the_configuration() {
    let fake = VaultFake::start().await;
    fake.put(
        "secret/opsmith/github",
        json!({ "token": "from the vault\n", "pin": 471_147, "list": [1], "none": null }),
    );
    let known = KnownSecrets::default();
    let sources = Sources::new(known.clone(), |_| None).with_vault(fake.client());
    let had = async |text: &str| sources.resolve(&text.parse::<SecretRef>().unwrap()).await;
    assert_eq!(had("vault:secret/opsmith/github#token").await.unwrap().expose(), "from the vault");
    assert_eq!(had("vault:secret/opsmith/github#pin").await.unwrap().expose(), "471147");
    assert!(matches!(had("vault:secret/opsmith/github#list").await.unwrap_err(), ResolveError::Unfit { .. }));
    for absent in ["secret/opsmith/github#none", "secret/opsmith/github#other", "secret/elsewhere#token", "kv/a#b"] {
        let error = had(&format!("vault:{absent}")).await.unwrap_err();
        assert!(matches!(error, ResolveError::Absent { .. }), "{absent}: {error}");
    }
    assert_eq!(super::redactor(&known).redact("from the vault"), "<SECRET_HASH_1>");
    assert!(!format!("{sources:?}").contains(TOKEN), "{sources:?}");
}

#[tokio::test]
async fn placeholders_are_kept_in_vault_and_had_back() {
    let fake = VaultFake::start().await;
    let store = SecretStore::Vault { vault: fake.client(), below: "secret/opsmith/placeholders".to_owned() };
    assert!(store.load("task-1").await.unwrap().is_empty());
    let secrets = BTreeMap::from([(1, Secret::new("one")), (2, Secret::new("t\"w\no"))]);
    store.save("task-1", &secrets).await.unwrap();
    assert_eq!(store.load("task-1").await.unwrap(), secrets);
    assert_eq!(fake.at("secret/opsmith/placeholders/task-1").unwrap(), json!({ "1": "one", "2": "t\"w\no" }));
    fake.put("secret/opsmith/placeholders/task-2", json!({ "user": "ada" }));
    assert_eq!(store.load("task-2").await.unwrap_err().kind(), ErrorKind::Damaged);
    for scope in ["", "../a", "a/b", "a.b", &"x".repeat(65)] {
        assert_eq!(store.load(scope).await.unwrap_err().kind(), ErrorKind::Invalid, "{scope}");
    }
    let elsewhere = SecretStore::Vault { vault: fake.client(), below: "kv/opsmith".to_owned() };
    let error = elsewhere.save("task-1", &secrets).await.unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
}

#[tokio::test]
async fn a_wrong_token_is_a_denial() {
    let fake = VaultFake::start().await;
    let stranger = Vault::new(&fake.address, &Secret::new("another"), None).unwrap();
    let error = stranger.read("secret/a").await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Denied, "Vault denies `secret/a`"));
}

#[tokio::test]
async fn answers_that_are_wrong_huge_or_elsewhere_are_errors() {
    let (address, server) = serve(Router::new().route("/v1/secret/data/{what}", any(odd))).await;
    let vault = Vault::new(&format!("http://{address}"), &Secret::new(TOKEN), Some("team")).unwrap();
    for (what, kind) in [
        ("sealed", ErrorKind::Unavailable),
        ("busy", ErrorKind::Unavailable),
        ("standby", ErrorKind::Failed),
        ("html", ErrorKind::Failed),
        ("list", ErrorKind::Failed),
        ("huge", ErrorKind::Failed),
        ("endless", ErrorKind::Failed),
    ] {
        let error = vault.read(&format!("secret/{what}")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: {error}");
        assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
    }
    assert_eq!(vault.read("secret/deleted").await.unwrap(), None);
    server.abort();
    let _gone = server.await;
    let error = vault.read("secret/gone").await.unwrap_err();
    assert!(matches!(error, VaultError::Unreachable { .. }) && error.hint().is_some(), "{error}");
}

async fn odd(Path(what): Path<String>, headers: HeaderMap) -> Response {
    assert_eq!(headers["x-vault-namespace"], "team");
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 << 10]));
    match what.as_str() {
        "sealed" => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "errors": ["Vault is sealed"] }))).into_response(),
        "busy" => StatusCode::TOO_MANY_REQUESTS.into_response(),
        "standby" => (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:9/")]).into_response(),
        "html" => "<html>".into_response(),
        "list" => Json(json!([1])).into_response(),
        "huge" => Json(json!({ "data": { "data": { "a": "x".repeat(2 << 20) } } })).into_response(),
        "endless" => Body::from_stream(endless).into_response(),
        _ => Json(json!({ "data": { "data": null, "metadata": { "deletion_time": "2026-11-21T12:00:00Z" } } }))
            .into_response(),
    }
}

#[test]
fn an_address_that_would_send_the_token_in_the_clear_is_refused() {
    let at = |address: &str| Vault::new(address, &Secret::new(TOKEN), None).map(drop);
    for address in ["https://vault.example.com", "http://127.0.0.1:8200", "http://localhost:8200/", "http://[::1]:8200"]
    {
        at(address).unwrap();
    }
    for address in [
        "http://vault.example.com",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "hunter2",
        "https://a:hunter2@b.c",
    ] {
        let error = at(address).unwrap_err();
        assert!(matches!(error, VaultError::Address { .. }) && !error.to_string().contains("hunter2"), "{error}");
    }
    let error = Vault::new("https://vault.example.com", &Secret::new("two\nlines"), None).map(drop).unwrap_err();
    assert!(matches!(error, VaultError::Header { .. }) && !format!("{error:?}").contains("lines"), "{error}");
}
