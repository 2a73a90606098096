use ampx::Ampx;
use ampx::http::Caller;
use axum::Extension;
use opsmith_host::config::load;
use opsmith_host::process::Process;
use opsmith_model::Principal;
use opsmith_store::Store;
use sea_orm::{ConnectionTrait as _, Statement, Value as Sql};
use serde_json::{Value, json};
use tempfile::TempDir;
pub(crate) use testkit::http::{Server, problem};

use crate::CATALOGUE;

/// ampx's routes, where ada makes every request.
pub(crate) async fn serve(ampx: &Ampx) -> Server {
    Server::start(ampx::http::router(ampx.clone()).layer(Extension(Caller(Principal::user("ada"))))).await
}

/// A server over ampx on a store of its own.
pub(crate) struct Desk {
    pub(crate) ampx: Ampx,
    pub(crate) server: Server,
    process: Process,
    _folder: TempDir,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().display().to_string();
        let env = |name: &str| (name == "OPSMITH_DATA_DIR").then(|| data_dir.clone());
        let flags = [
            ("ampx.agents.mine.kind", "command".to_owned()),
            ("ampx.agents.mine.command", "true".to_owned()),
            ("ampx.agents.other.kind", "command".to_owned()),
            ("ampx.agents.other.command", "false".to_owned()),
        ];
        let config = load(CATALOGUE.settings, &flags, None, &env).unwrap();
        let process = Process::open(&CATALOGUE, &config).await.unwrap();
        let ampx = ampx::open(&process, &config).unwrap();
        let server = serve(&ampx).await;
        Self { ampx, server, process, _folder: folder }
    }

    /// Takes a task in and gives its id.
    pub(crate) async fn create(&self, repo: &str, prompt: &str) -> String {
        let body = json!({ "repo": repo, "prompt": prompt });
        let answer = self.server.post("/api/v1/tasks", &body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// The same database as another process has it.
    pub(crate) async fn elsewhere(&self) -> Elsewhere {
        Elsewhere(Store::open(self.process.store.url().clone()).await.unwrap())
    }
}

/// Another process, whose writes this one finds by looking.
pub(crate) struct Elsewhere(Store);

impl Elsewhere {
    /// Brings a task to a status, as a worker would: with its event.
    pub(crate) async fn set_status(&self, id: &str, status: &str) {
        let sql = "UPDATE ampx_tasks SET status = ? WHERE id = ?";
        self.run(sql, [status.into(), id.into()]).await;
        let sql = "INSERT INTO ampx_events (task_id, attempt, kind, label, text, at) \
                   SELECT task_id, 1, 'status', ?, 'elsewhere', at FROM ampx_events WHERE task_id = ? LIMIT 1";
        self.run(sql, [status.into(), id.into()]).await;
    }

    /// Gives a task a commit that could be accepted.
    pub(crate) async fn set_commit(&self, id: &str) {
        self.run("UPDATE ampx_tasks SET head_sha = ? WHERE id = ?", ["a".repeat(40).into(), id.into()]).await;
    }

    /// Puts `text` into every field of a task that can hold it, and into an attempt and a finding of it.
    pub(crate) async fn set_all_texts(&self, id: &str, text: &str) {
        let sql = "UPDATE ampx_tasks SET branch = ?, base = ?, agent = ?, summary = ?, thread_id = ?, ci_url = ?, \
                   pr_url = ?, branch_url = ?, merged_sha = ?, labels = ? WHERE id = ?";
        let labels = json!([text]).to_string();
        let [a, b, c, d, e, f, g, h, i] = [text; 9].map(Sql::from);
        self.run(sql, [a, b, c, d, e, f, g, h, i, labels.into(), id.into()]).await;
        let sql = "INSERT INTO ampx_attempts (task_id, number, prompt, thread_id, ci_verdict, log_excerpt, summary) \
                   VALUES (?, 1, ?, ?, ?, ?, ?)";
        let [a, b, c, d, e] = [text; 5].map(Sql::from);
        self.run(sql, [id.into(), a, b, c, d, e]).await;
        let sql = "INSERT INTO ampx_gate_findings (task_id, attempt, position, kind, path, test, what, standing) \
                   VALUES (?, 1, 0, 'deleted', ?, ?, ?, 'held')";
        let [a, b, c] = [text; 3].map(Sql::from);
        self.run(sql, [id.into(), a, b, c]).await;
    }

    /// Sets all addresses of a task that others made.
    pub(crate) async fn set_links(&self, id: &str, address: &str) {
        let sql = "UPDATE ampx_tasks SET ci_url = ?, pr_url = ?, branch_url = ? WHERE id = ?";
        let [a, b, c] = [address; 3].map(Sql::from);
        self.run(sql, [a, b, c, id.into()]).await;
    }

    /// Adds to a task's log, at the time of its first event.
    pub(crate) async fn log(&self, id: &str, text: &str) {
        let sql = "INSERT INTO ampx_events (task_id, attempt, kind, label, text, at) \
                   SELECT task_id, 1, 'log', 'agent', ?, at FROM ampx_events WHERE task_id = ? LIMIT 1";
        self.run(sql, [text.into(), id.into()]).await;
    }

    async fn run<const N: usize>(&self, sql: &str, values: [Sql; N]) {
        let write = self.0.write().await.unwrap();
        let statement = Statement::from_sql_and_values(write.get_database_backend(), sql, values);
        assert_eq!(write.execute_raw(statement).await.unwrap().rows_affected(), 1);
        write.commit().await.unwrap();
    }
}
