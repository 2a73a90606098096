use std::net::SocketAddr;

use opsmith_host::config::load;
use opsmith_host::http::{ProblemBody, ServeOptions, bind, serve};
use opsmith_host::process::Process;
use opsmith_model::{Effect, EffectKind, Operation, Plan, Principal, Target};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::CATALOGUE;

/// A server over everything, on a store of its own; no worker.
pub(super) struct Desk {
    pub(super) process: Process,
    pub(super) folder: TempDir,
    address: SocketAddr,
    client: Client,
    _shutdown: DropGuard,
}

impl Desk {
    /// One where ada makes every request.
    pub(super) async fn open() -> Self {
        Self::of(Principal::user("ada")).await
    }

    pub(super) async fn of(caller: Principal) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().display().to_string();
        let env = |name: &str| (name == "OPSMITH_DATA_DIR").then(|| data_dir.clone());
        let flags = [("ampx.agents.mine.kind", "command".to_owned()), ("ampx.agents.mine.command", "true".to_owned())];
        let config = load(CATALOGUE.settings, &flags, None, &env).unwrap();
        let process = Process::open(&CATALOGUE, &config).await.unwrap();
        let ampx = ampx::open(&process, &config).unwrap();
        let router = crate::http::router(&process, &ampx, caller);
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        tokio::spawn(async move { serve(listener, router, &ServeOptions::default(), token).await });
        let client = Client::builder().no_proxy().build().unwrap();
        Self { process, folder, address, client, _shutdown: shutdown.drop_guard() }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(super) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
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

/// The problem of an answer; it must be one, and agree with the answer's status and id.
pub(super) async fn problem(answer: Response) -> ProblemBody {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status().as_u16();
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: ProblemBody = answer.json().await.unwrap();
    assert_eq!((body.status, body.request_id.as_deref()), (status, Some(id.as_str())));
    body
}
