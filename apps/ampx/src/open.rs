use std::path::Path;

use opsmith_forge::git::{Git, GitError, Identity as Author, RepoCache};
use opsmith_forge::local::LocalForge;
use opsmith_host::config::{Config, ConfigError, process_environment};
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, Hint};
use opsmith_runs::{Identity, IdentityError, Registry, RunsError, Timing, Worker, WorkerOptions};
use opsmith_sandbox::{Sandbox, SandboxError};

use crate::config::Settings;
use crate::{Ampx, AmpxError, Parts};

/// Why ampx cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Git is not there.
    #[error(transparent)]
    Git(#[from] GitError),
    /// Commands cannot be run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No worker id is to be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The worker does not start.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// What an earlier life left cannot be removed.
    #[error("failed to remove old work folders")]
    Sweep(#[from] AmpxError),
}

impl Hint for OpenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Git(error) => error.kind(),
            Self::Sandbox(error) => error.kind(),
            Self::Identity(error) => error.kind(),
            Self::Runs(error) => error.kind(),
            Self::Sweep(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::Sandbox(error) => error.hint(),
            Self::Identity(error) => error.hint(),
            Self::Runs(error) => error.hint(),
            Self::Sweep(error) => error.hint(),
        }
    }
}

/// Opens ampx on the platform of this process.
pub fn open(process: &Process, config: &Config) -> Result<Ampx, OpenError> {
    let settings = Settings::resolve(config)?;
    let (data_dir, author) = (&process.platform.data_dir, &process.platform.git);
    let git = Git::new(process_environment())?;
    Ok(Ampx::new(Parts {
        store: process.store.clone(),
        clock: process.clock.clone(),
        guard: process.guard.clone(),
        runs: process.runs.clone(),
        settings,
        cache: cache(data_dir, &git),
        git,
        forge: LocalForge::new(process.store.clone(), process.clock.clone()),
        sandbox: Sandbox::local(process_environment())?,
        author: Author { name: author.author_name.clone(), email: author.author_email.clone() },
        work_root: data_dir.join("work"),
    }))
}

/// Starts a worker of this process that takes ampx's runs; `concurrency` stands above the setting.
pub async fn start_worker(
    ampx: &Ampx,
    process: &Process,
    name: Option<&str>,
    concurrency: Option<usize>,
) -> Result<Worker, OpenError> {
    let identity = Identity::lock(&process.platform.data_dir, name, &process.clock)?;
    crate::sweep::sweep(ampx, &identity).await?;
    let mut registry = Registry::new();
    crate::runs::register(&mut registry, ampx);
    let concurrency = concurrency.unwrap_or(ampx.settings.concurrent_tasks).max(1);
    let options =
        WorkerOptions { concurrency, timing: Timing::taking_over_after(process.platform.worker.dead_after()) };
    Ok(Worker::start(process.runs.clone(), registry, identity, options).await?)
}

fn cache(data_dir: &Path, git: &Git) -> RepoCache {
    RepoCache::new(data_dir.join("cache"), git.clone())
}
