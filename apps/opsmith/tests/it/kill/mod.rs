//! The real binary, killed and paused where it hurts: every task still ends as it should, and only once.

mod merge;
mod orphans;
mod pause;
mod points;
mod takeover;
mod two_at_once;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use opsmith_store::{Store, StoreUrl};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::repo::TestRepo;

/// Longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// The first edit is wrong, the second right: every step of a task's life is passed.
pub(crate) const WRONG_THEN_RIGHT: &str = r#"
[[attempt]]
say = "I try six."
[[attempt.edit]]
path = "sum.sh"
content = "echo 6\n"
[[attempt]]
say = "I add."
[[attempt.edit]]
path = "sum.sh"
content = "echo $(($1 + $2))\n"
"#;

/// A folder with a configuration and a remote.
pub(crate) struct World {
    folder: TempDir,
    repo: TestRepo,
    store: StoreUrl,
}

impl World {
    /// With the script agent, on an SQLite file.
    pub(crate) fn scripted() -> Self {
        let world = Self::new(None);
        let script = world.folder.path().join("script.toml");
        std::fs::write(&script, WRONG_THEN_RIGHT).unwrap();
        world.configure("a", &format!("kind = \"script\"\nscript = \"{}\"", script.display()));
        world
    }

    pub(crate) fn new(store: Option<StoreUrl>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = TestRepo::new();
        let test = "test \"$(sh sum.sh 2 2)\" = 4 || { echo \"2 + 2 is not $(sh sum.sh 2 2)\"; exit 1; }\n";
        repo.commit("main", &[("sum.sh", "echo 5\n"), ("test.sh", test)], "Begin");
        let store = store.unwrap_or_else(|| StoreUrl::sqlite_file(&folder.path().join("a").join("opsmith.db")));
        Self { folder, repo, store }
    }

    /// Writes the configuration of one machine: its data folder has its name.
    pub(crate) fn configure(&self, machine: &str, agent: &str) {
        let text = format!(
            "data_dir = \"{}\"\n[store]\nurl = \"{}\"\n[worker]\ndead_after_s = 1\n[ampx]\nretry_delay_s = 0\n\
             concurrent_tasks = 2\n[ampx.agents.it]\n{agent}\n[ampx.ci]\ncommand = \"sh test.sh\"\n",
            self.data(machine).display(),
            self.store.expose(),
        );
        std::fs::write(self.config(machine), text).unwrap();
    }

    pub(crate) fn data(&self, machine: &str) -> PathBuf {
        self.folder.path().join(machine)
    }

    pub(crate) fn config(&self, machine: &str) -> PathBuf {
        self.folder.path().join(format!("{machine}.toml"))
    }

    pub(crate) fn command(&self, machine: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsmith"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("USER", "ada")
            .env("OPSMITH_CONFIG", self.config(machine))
            .current_dir(self.folder.path());
        command
    }

    /// A server of that machine; it is killed where it reaches `failpoint`.
    pub(crate) fn serve(&self, machine: &str, failpoint: Option<&str>) -> Server {
        let mut command = self.command(machine, &["serve", "--address", "127.0.0.1:0"]);
        if let Some(point) = failpoint {
            command.env("FAILPOINTS", format!("{point}=return"));
        }
        Server::spawn(command)
    }

    async fn count(&self, sql: &str) -> i64 {
        let store = Store::open(self.store.clone()).await.unwrap();
        let statement = Statement::from_string(store.read().get_database_backend(), sql);
        let row = store.read().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// One branch with one commit an attempt, one pull request, one push, a chain that holds, and nothing left over.
    pub(crate) async fn assert_done_once(&self, task: &Value, commits: usize, what: &str) {
        assert_eq!(task["status"], "success", "{what}: {task:#}");
        let branch = task["branch"].as_str().unwrap();
        assert_eq!(self.repo.branches(), [branch, "main"], "{what}");
        assert_eq!(self.repo.log(branch).len(), 1 + commits, "{what}");
        for (sql, expected) in [
            ("SELECT COUNT(*) FROM forge_pull_requests", 1),
            ("SELECT COUNT(*) FROM guard_audit WHERE action = 'ampx.open_pull_request'", 1),
        ] {
            assert_eq!(self.count(sql).await, expected, "{what}: {sql}");
        }
        // The run comes to its own end a moment after its task.
        let deadline = Instant::now() + PATIENCE;
        while self.count("SELECT COUNT(*) FROM runs WHERE state = 'succeeded'").await != 1 {
            assert!(Instant::now() < deadline, "{what}: the run never ended");
        }
        assert_eq!(processes_of(task["id"].as_str().unwrap()), Vec::<i32>::new(), "{what}: orphans");
    }

    pub(crate) fn strays(&self, machine: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.data(machine).join("work")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The processes that carry the task's marker.
pub(crate) fn processes_of(task_id: &str) -> Vec<i32> {
    let marker = format!("OPSMITH_SANDBOX=ampx-{task_id}");
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environment = std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|pair| String::from_utf8_lossy(pair).starts_with(&marker))
    })
    .collect()
}

/// `opsmith serve`, and what it has said so far. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, receive) = mpsc::channel();
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, heard) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let _ = send.send(address.split_whitespace().next().unwrap_or_default().to_owned());
                }
                let mut heard = heard.lock().unwrap();
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        let address = receive.recv_timeout(PATIENCE);
        let address = address.unwrap_or_else(|_| panic!("the server never listened: {}", said.lock().unwrap()));
        Self { child, address, said }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.address)
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it is dead.
    pub(crate) async fn died(&mut self, point: &str) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it never died at {point}: {}", self.said());
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Starts the task, or finds it where an earlier life of the server took it in; `None` where it died meanwhile.
    pub(crate) async fn start(&self, world: &World) -> Option<Value> {
        let request = reqwest::Client::new()
            .post(self.url("/tasks"))
            .header("Idempotency-Key", "the-task")
            .json(&json!({ "repo": world.repo.url(), "prompt": "Make the sum right" }));
        let answer = request.timeout(PATIENCE).send().await.ok()?;
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.ok()
    }

    /// Follows the task's log until the task is no longer at work, and gives the task.
    pub(crate) async fn end_of(&self, id: &str) -> Value {
        let client = reqwest::Client::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let follow = client.get(self.url(&format!("/tasks/{id}/logs?follow=true"))).timeout(PATIENCE);
            let _ = follow.send().await.unwrap().bytes().await;
            let task: Value = client.get(self.url(&format!("/tasks/{id}"))).send().await.unwrap().json().await.unwrap();
            let status = task["status"].as_str().unwrap_or_default();
            if !["queued", "running", "retrying"].contains(&status) {
                return task;
            }
            assert!(Instant::now() < deadline, "the task never ended: {task:#}\n{}", self.said());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
