//! A product in this process, on a data folder of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampx::{Ampx, Created, NewTask, Worker};
use anyhow::{Result, ensure};
use opsmith_host::config::load;
use opsmith_host::process::Process;
use opsmith_model::Principal;
use tempfile::TempDir;
use testkit::repo::TestRepo;

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What differs from world to world.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The shell command that is the agent.
    pub agent: &'static str,
    /// How many tasks a worker takes at once.
    pub concurrency: usize,
}

/// An open product with its folder and, perhaps, a worker.
#[derive(Debug)]
pub struct World {
    folder: Folder,
    /// The platform.
    pub process: Process,
    /// The tasks.
    pub ampx: Ampx,
    worker: Option<Worker>,
}

/// A data folder and its configuration file; gone when dropped.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// A folder whose configuration has the agent and a CI that is always green.
    pub fn new(setup: Setup) -> Result<Self> {
        Self::checked_by(setup, "command = \"true\"")
    }

    /// A folder whose configuration has the agent, and `ci` below `[ampx.ci]`.
    fn checked_by(setup: Setup, ci: &str) -> Result<Self> {
        let folder = Self(tempfile::tempdir()?);
        let mut text = String::new();
        writeln!(text, "data_dir = {:?}\n", folder.data())?;
        writeln!(text, "[ampx]\nconcurrent_tasks = {}\n", setup.concurrency)?;
        writeln!(text, "[ampx.agents.bench]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", {:?}]\n", setup.agent)?;
        writeln!(text, "[ampx.ci]\n{ci}")?;
        std::fs::write(folder.config(), text)?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path().join("opsmith.toml")
    }

    /// The SQLite file.
    pub fn database(&self) -> PathBuf {
        self.data().join("opsmith.db")
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }
}

impl World {
    /// Opens the product without a worker; nothing of this process's environment counts.
    pub async fn open(setup: Setup) -> Result<Self> {
        Self::at(Folder::new(setup)?).await
    }

    /// The same with `ci` below `[ampx.ci]`.
    pub async fn checked_by(setup: Setup, ci: &str) -> Result<Self> {
        Self::at(Folder::checked_by(setup, ci)?).await
    }

    async fn at(folder: Folder) -> Result<Self> {
        let config = load(opsmith::CATALOGUE.settings, &[], Some(&folder.config()), &|_| None)?;
        let process = Process::open(&opsmith::CATALOGUE, &config).await?;
        let ampx = ampx::open(&process, &config)?;
        Ok(Self { folder, process, ampx, worker: None })
    }

    /// Starts the worker.
    pub async fn work(&mut self) -> Result<()> {
        self.worker = Some(ampx::start_worker(&self.ampx, &self.process, Some("bench"), None).await?);
        Ok(())
    }

    /// The world's folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Takes a task in.
    pub async fn create(&self, repo: &str, prompt: &str) -> Result<Created> {
        Ok(self.ampx.create(&new_task(repo, prompt), &Principal::user("bench"), None).await?)
    }

    /// Takes so many tasks in, to be there.
    pub async fn fill(&self, repo: &str, tasks: usize) -> Result<()> {
        for n in 0..tasks {
            self.create(repo, &format!("Task {n} of a store that has many")).await?;
        }
        Ok(())
    }

    /// Waits until the task's run has ended, and makes sure that it went well at once.
    pub async fn succeeded(&self, created: &Created) -> Result<()> {
        use ampx::task::TaskStatus;

        if let Some(run) = self.ampx.task(created.id).await?.run_id {
            self.process.runs.wait(run).await?;
        }
        let detail = self.ampx.detail(created.id).await?;
        let (status, attempts) = (detail.task.status, detail.attempts.len());
        ensure!(status == TaskStatus::Success, "a task ended as `{}`: {}", status.as_str(), detail.task.summary);
        ensure!(attempts == 1, "a task took {attempts} attempts");
        Ok(())
    }

    /// Closes everything and leaves the folder.
    pub async fn close(mut self) -> Result<Folder> {
        if let Some(worker) = self.worker.take() {
            worker.shutdown(STOP_LIMIT).await;
        }
        self.process.store.close().await?;
        Ok(self.folder)
    }
}

/// A task as a user would ask for it.
pub fn new_task(repo: &str, prompt: &str) -> NewTask {
    NewTask { repo: repo.to_owned(), prompt: prompt.to_owned(), ..NewTask::default() }
}

/// A small repository on this machine: the remote.
pub fn repository() -> TestRepo {
    let repo = TestRepo::new();
    repo.commit("main", &[("README.md", "A repository to measure with.\n"), ("a", "1\n")], "Begin");
    repo
}
