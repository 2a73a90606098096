use opsmith_host::config::load;
use opsmith_host::process::Process;
use opsmith_model::{Effect, EffectKind, Operation, Plan, Principal, Target};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::http::Server;
pub(super) use testkit::http::problem;

use crate::CATALOGUE;

/// A server over everything, on a store of its own; no worker.
pub(super) struct Desk {
    pub(super) process: Process,
    pub(super) folder: TempDir,
    server: Server,
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
        Self { process, folder, server: Server::start(router).await }
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
