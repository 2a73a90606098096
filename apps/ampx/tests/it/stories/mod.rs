//! Tasks from prompt to pull request, in process, over real git, real commands and a real store.

mod agents;
mod builtin;
mod builtin_models;
mod check_faults;
mod gates;
mod github;
mod github_faults;
mod going_on;
mod hostile;
mod merging;
mod programs;
mod real_agents;
mod reruns;
mod rounds;
mod secrets;
mod signing;
mod spine;
mod throng;
mod upkeep;
mod walls;
mod workflows;

use std::path::{Path, PathBuf};

use ampx::task::{TaskDetail, TaskStatus};
use ampx::{Ampx, NewTask, Worker};
use opsmith_host::config::{Config, load};
use opsmith_host::process::Process;
use opsmith_model::{Principal, TaskId};
use tempfile::TempDir;
use testkit::repo::TestRepo;

use crate::CATALOGUE;

/// A test that wants `sum.sh 2 2` to say 4, and a script that says 5.
const WRONG_SUM: &[(&str, &str)] = &[
    ("sum.sh", "echo 5\n"),
    ("test.sh", "test \"$(sh sum.sh 2 2)\" = 4 || { echo \"2 + 2 is not $(sh sum.sh 2 2)\"; exit 1; }\n"),
];

/// One data folder with its configuration, a remote, and a worker.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) repo: TestRepo,
    pub(crate) ampx: Ampx,
    pub(crate) process: Process,
    worker: Option<Worker>,
}

/// Settings of a world beside the usual ones.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    /// TOML below `[ampx.agents.it]`.
    pub(crate) agent: String,
    /// The CI command; empty for none.
    pub(crate) ci: String,
    /// More TOML tables.
    pub(crate) more: String,
    /// `[ampx]` keys.
    pub(crate) ampx: String,
    /// How many tasks at once; 4 where it is 0.
    pub(crate) workers: usize,
    /// `[ampx.ci]` keys.
    pub(crate) ci_keys: String,
}

impl Setup {
    /// An agent that plays back `script`, and the usual CI.
    pub(crate) fn script(folder: &Path, script: &str) -> Self {
        let file = folder.join("script.toml");
        std::fs::write(&file, script).unwrap();
        Self {
            agent: format!("kind = \"script\"\nscript = \"{}\"\n", file.display()),
            ci: "sh test.sh".to_owned(),
            ..Self::default()
        }
    }

    /// An agent that is a shell command.
    pub(crate) fn shell(command: &str) -> Self {
        // In the configuration `${` reads a variable, and `$${` is what it says.
        let command = command.replace("${", "$${");
        let words: Vec<String> = ["sh", "-c", &command].iter().map(|word| format!("{word:?}")).collect();
        Self {
            agent: format!("kind = \"command\"\ncommand = [{}]\n", words.join(", ")),
            ci: "sh test.sh".to_owned(),
            ..Self::default()
        }
    }
}

pub(crate) fn ada() -> Principal {
    Principal::user("ada")
}

/// A folder of the world's that its agents and checks share with the story, walls or not.
pub(crate) fn outside(folder: &TempDir) -> PathBuf {
    let outside = folder.path().join("outside");
    std::fs::create_dir_all(&outside).unwrap();
    outside
}

/// A folder for a world whose script has to be written first.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl World {
    pub(crate) async fn new(setup: Setup) -> Self {
        Self::with(folder(), TestRepo::new(), WRONG_SUM, setup).await
    }

    pub(crate) async fn scripted(script: &str) -> Self {
        let folder = folder();
        let setup = Setup::script(folder.path(), script);
        Self::with(folder, TestRepo::new(), WRONG_SUM, setup).await
    }

    pub(crate) async fn with(folder: TempDir, repo: TestRepo, files: &[(&str, &str)], setup: Setup) -> Self {
        if !files.is_empty() {
            repo.commit("main", files, "Begin");
        }
        let config = config(folder.path(), &setup);
        let process = Process::open(&CATALOGUE, &config).await.unwrap();
        let ampx = ampx::open(&process, &config).unwrap();
        let mut world = Self { folder, repo, ampx, process, worker: None };
        world.work().await;
        world
    }

    /// Starts the worker.
    pub(crate) async fn work(&mut self) {
        self.worker = Some(ampx::start_worker(&self.ampx, &self.process, Some("test"), None).await.unwrap());
    }

    /// Ends the worker in good order; its runs go on with the next one.
    pub(crate) async fn rest(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.shutdown(std::time::Duration::from_secs(5)).await;
        }
    }

    /// Waits until `holds` does, looking whenever this process adds an event.
    pub(crate) async fn until(&self, holds: impl AsyncFn() -> bool) {
        let mut appended = self.ampx.appended();
        while !holds().await {
            tokio::time::timeout(std::time::Duration::from_secs(30), appended.changed()).await.unwrap().unwrap();
        }
    }

    pub(crate) async fn start(&self, prompt: &str) -> TaskId {
        let new = NewTask { repo: self.repo.url(), prompt: prompt.to_owned(), ..NewTask::default() };
        self.ampx.create(&new, &ada(), None).await.unwrap().id
    }

    /// Waits until the task's run has ended, and gives the task.
    pub(crate) async fn ended(&self, id: TaskId) -> TaskDetail {
        let run = self.ampx.task(id).await.unwrap().run_id.unwrap();
        let wait = self.process.runs.wait(run);
        tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("the run ends").unwrap();
        self.ampx.detail(id).await.unwrap()
    }

    pub(crate) async fn done(&self, prompt: &str) -> TaskDetail {
        self.ended(self.start(prompt).await).await
    }

    pub(crate) async fn log(&self, id: TaskId) -> String {
        self.ampx.log_tail(id, 10_000).await.unwrap().0
    }

    /// The work folders that are left.
    pub(crate) fn strays(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path().join("data/work")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) async fn stop(mut self) {
        self.rest().await;
    }
}

fn config(folder: &Path, setup: &Setup) -> Config {
    let ci = if setup.ci.is_empty() { String::new() } else { format!("command = {:?}\n", setup.ci) };
    // Where the story says nothing of walls, they are those of this machine.
    let shared = match setup.more.contains("[sandbox]") {
        true => String::new(),
        false => format!("[sandbox]\nwritable = [\"{}\"]\n", folder.join("outside").display()),
    };
    let text = format!(
        "data_dir = \"{}\"\n[ampx]\nretry_delay_s = 0\nconcurrent_tasks = {}\n{}\n[ampx.agents.it]\n{}\n[ampx.ci]\n{ci}{}\n{}\n{shared}",
        folder.join("data").display(),
        if setup.workers == 0 { 4 } else { setup.workers },
        setup.ampx,
        setup.agent,
        setup.ci_keys,
        setup.more,
    );
    let file = folder.join("opsmith.toml");
    std::fs::write(&file, text).unwrap();
    load(CATALOGUE.settings, &[], Some(&file), &|_| None).unwrap()
}

pub(crate) fn statuses(events: &[ampx::Event]) -> Vec<TaskStatus> {
    let mut statuses: Vec<TaskStatus> = events
        .iter()
        .filter_map(|event| match &event.kind {
            ampx::EventKind::Status { status, .. } => Some(*status),
            ampx::EventKind::Log { .. } => None,
        })
        .collect();
    statuses.dedup();
    statuses
}
