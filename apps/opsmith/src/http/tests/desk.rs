use std::num::NonZeroU32;
use std::time::Duration;

use opsmith_guard::tokens::{NewToken, Role};
use opsmith_host::config::load;
use opsmith_host::http::auth::{GateOptions, Limits};
use opsmith_host::process::Process;
use opsmith_model::{Effect, EffectKind, Operation, Plan, Principal, PrincipalKind, Target, TokenId};
use reqwest::{Method, RequestBuilder, Response};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::http::Server;
pub(super) use testkit::http::problem;

use crate::CATALOGUE;

/// A server over everything, on a store of its own; no worker.
pub(super) struct Desk {
    pub(super) process: Process,
    pub(super) folder: TempDir,
    /// The router as it tells of itself, every path among it.
    pub(super) router: String,
    server: Server,
}

/// A gate on loopback that nobody is too quick for.
pub(super) fn usual() -> GateOptions {
    let many = NonZeroU32::new(100_000).unwrap();
    GateOptions {
        beyond_loopback: false,
        required: false,
        limits: Limits { requests_per_s: many, requests_burst: many, wrong_tokens: many },
        recheck: Duration::from_millis(20),
    }
}

impl Desk {
    /// One where ada makes every request.
    pub(super) async fn open() -> Self {
        Self::of(Principal::user("ada")).await
    }

    /// One where `caller` makes every request, as long as there is no token.
    pub(super) async fn of(caller: Principal) -> Self {
        Self::with(caller, usual()).await
    }

    pub(super) async fn with(caller: Principal, options: GateOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().display().to_string();
        let env = |name: &str| (name == "OPSMITH_DATA_DIR").then(|| data_dir.clone());
        let flags = [("ampx.agents.mine.kind", "command".to_owned()), ("ampx.agents.mine.command", "true".to_owned())];
        let config = load(CATALOGUE.settings, &flags, None, &env).unwrap();
        let process = Process::open(&CATALOGUE, &config).await.unwrap();
        let ampx = ampx::open(&process, &config).unwrap();
        let gate = crate::http::gate(&process, caller, options);
        let router = crate::http::router(&process, &ampx, &gate);
        Self { process, folder, router: format!("{router:?}"), server: Server::start(router).await }
    }

    /// Makes a token, with which the server is closed to who has none; it holds a day.
    pub(super) async fn token(&self, role: Role, kind: PrincipalKind) -> (TokenId, String) {
        let expires_at = Some(self.process.clock.now() + Duration::from_secs(86_400));
        let new = NewToken { name: format!("a-{role}"), kind, role, expires_at };
        let (token, text) = self.process.guard.tokens().create(&new, &Principal::user("root")).await.unwrap();
        (token.id, text.expose().to_owned())
    }

    /// Puts a token's end behind it.
    pub(super) async fn expire(&self, id: TokenId) {
        self.end(id, "created_at").await;
    }

    /// Takes a token's end away.
    pub(super) async fn endless(&self, id: TokenId) {
        self.end(id, "NULL").await;
    }

    async fn end(&self, id: TokenId, end: &str) {
        let write = self.process.store.write().await.unwrap();
        let sql = format!("UPDATE guard_tokens SET expires_at = {end} WHERE id = '{id}'");
        assert_eq!(write.execute_unprepared(&sql).await.unwrap().rows_affected(), 1);
        write.commit().await.unwrap();
    }

    pub(super) async fn revoke(&self, id: TokenId) {
        self.process.guard.tokens().revoke(id, &Principal::user("root")).await.unwrap();
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.request(method, path)
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.server.get(path).send().await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Response {
        self.server.post(path, body).send().await.unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        self.server.json(path).await
    }

    pub(super) async fn create_task(&self) {
        let body = json!({ "repo": "https://example.com/a/b", "prompt": "Do it" });
        assert_eq!(self.post("/api/v1/tasks", &body).await.status(), 201);
    }
}

/// A plan that the usual policy has confirmed.
pub(super) fn merge(by: Principal) -> Plan {
    let target = Target::new("example.com/a/b");
    let operation =
        Operation { kind: "ampx.merge".to_owned(), target: target.clone(), principal: by, key: "merge-1".to_owned() };
    let effect = Effect {
        kind: EffectKind::new("ampx.merge"),
        target,
        summary: "merge one into main".to_owned(),
        parameters: json!({ "head": "1" }),
    };
    Plan { operation, effects: vec![effect] }
}
