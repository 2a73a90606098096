use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use opsmith_store::{Store, StoreUrl};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use tempfile::TempDir;
use testkit::Postgres;
use testkit::repo::TestRepo;

use super::server::Server;
use crate::process::{PATIENCE, Process, measured};

/// Between two looks at what has no other sign.
pub(crate) const POLL: Duration = Duration::from_millis(20);

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
    pub(crate) folder: TempDir,
    pub(crate) repo: TestRepo,
    store: StoreUrl,
    dead_after_s: u32,
}

impl World {
    /// One machine with the script agent, on an SQLite file.
    pub(crate) fn scripted() -> Self {
        let world = Self::on_sqlite();
        world.configure("a", &world.script(WRONG_THEN_RIGHT));
        world
    }

    /// On an SQLite file of the machine `a`.
    pub(crate) fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreUrl::sqlite_file(&folder.path().join("a").join("opsmith.db"));
        Self::new(folder, store, 1)
    }

    /// On a PostgreSQL database of its own, which several machines may share and count each other dead after so
    /// long a silence; `None` where no server can be started.
    pub(crate) async fn on_postgres(dead_after_s: u32) -> Option<Self> {
        let server = tokio::task::spawn_blocking(Postgres::shared).await.unwrap()?;
        Some(Self::new(tempfile::tempdir().unwrap(), server.create_database().await, dead_after_s))
    }

    fn new(folder: TempDir, store: StoreUrl, dead_after_s: u32) -> Self {
        let repo = TestRepo::new();
        let test = "test \"$(sh sum.sh 2 2)\" = 4 || { echo \"2 + 2 is not $(sh sum.sh 2 2)\"; exit 1; }\n";
        repo.commit("main", &[("sum.sh", "echo 5\n"), ("test.sh", test)], "Begin");
        Self { folder, repo, store, dead_after_s }
    }

    /// An agent that plays `edits`, for [`World::configure`].
    pub(crate) fn script(&self, edits: &str) -> String {
        let script = self.folder.path().join("script.toml");
        std::fs::write(&script, edits).unwrap();
        format!("kind = \"script\"\nscript = \"{}\"", script.display())
    }

    /// An agent that is a line of the shell, for [`World::configure`].
    pub(crate) fn shell(line: &str) -> String {
        // In the configuration `${` reads a variable, and `$${` is what it says.
        format!("kind = \"command\"\ncommand = [\"sh\", \"-c\", {:?}]", line.replace("${", "$${"))
    }

    /// Writes the configuration of one machine: its data folder has its name.
    pub(crate) fn configure(&self, machine: &str, agent: &str) {
        self.configure_checked(machine, agent, "command = \"sh test.sh\"");
    }

    /// The same with other keys below `[ampx.ci]`.
    pub(crate) fn configure_checked(&self, machine: &str, agent: &str, ci: &str) {
        let text = format!(
            "data_dir = \"{}\"\n[store]\nurl = \"{}\"\n[worker]\ndead_after_s = {}\n[ampx]\nretry_delay_s = 0\n\
             concurrent_tasks = 2\n[ampx.agents.it]\n{agent}\n[ampx.ci]\n{ci}\n\
             [sandbox]\nwritable = [\"{}\"]\n",
            self.data(machine).display(),
            self.store.expose(),
            self.dead_after_s,
            self.outside().display(),
        );
        std::fs::write(self.config(machine), text).unwrap();
    }

    /// A folder that every command may change, walls or not.
    pub(crate) fn outside(&self) -> PathBuf {
        let outside = self.folder.path().join("outside");
        std::fs::create_dir_all(&outside).unwrap();
        outside
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
            .envs(measured())
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

    /// A server of that machine that takes one task at a time.
    pub(crate) fn serve_one_at_a_time(&self, machine: &str) -> Server {
        Server::spawn(self.command(machine, &["serve", "--address", "127.0.0.1:0", "--concurrency", "1"]))
    }

    /// A worker of that machine, without a server.
    pub(crate) fn work(&self, machine: &str) -> Process {
        Process::work(self.command(machine, &["worker", "--store", self.store.expose(), "--name", machine]))
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let store = Store::open(self.store.clone()).await.unwrap();
        let statement = Statement::from_string(store.read().get_database_backend(), sql);
        let row = store.read().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// One branch with one commit an attempt, one pull request, one push, a chain that holds, and nothing left over.
    pub(crate) async fn assert_done_once(&self, task: &Value, commits: usize, what: &str) {
        assert_eq!(task["status"], "success", "{what}: {task:#}");
        assert_eq!(task["pushes_saved"], commits - 1, "{what}: each attempt before the last was red here: {task:#}");
        let branch = task["branch"].as_str().unwrap();
        assert_eq!(self.repo.branches(), [branch, "main"], "{what}");
        assert_eq!(self.repo.log(branch).len(), self.repo.log("main").len() + commits, "{what}");
        for (sql, expected) in [
            ("SELECT COUNT(*) FROM forge_pull_requests", 1),
            ("SELECT COUNT(*) FROM guard_audit WHERE action = 'ampx.push'", 1),
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
        let verified = self.command("a", &["audit", "verify"]).output().unwrap();
        assert!(verified.status.success(), "{what}: {}", String::from_utf8_lossy(&verified.stderr));
    }

    pub(crate) fn strays(&self, machine: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.data(machine).join("work")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// Waits until a file has so many lines.
pub(crate) async fn has_lines(file: &Path, lines: usize) {
    let deadline = Instant::now() + PATIENCE;
    while std::fs::read_to_string(file).unwrap_or_default().lines().count() < lines {
        assert!(Instant::now() < deadline, "`{}` never had {lines} lines", file.display());
        tokio::time::sleep(POLL).await;
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
