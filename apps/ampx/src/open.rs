use std::path::Path;

use opsmith_forge::forge::Forges;
use opsmith_forge::git::{Git, GitError, Identity as Author, RepoCache, Signer, SigningKey};
use opsmith_forge::local::LocalForge;
use opsmith_host::config::{Config, ConfigError, GitSettings, Sign, process_environment};
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, Hint, RunId};
use opsmith_runs::{Identity, IdentityError, Registry, RunsError, Timing, WorkerOptions};
use opsmith_sandbox::SandboxError;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Settings;
use crate::github::{self, GitHubSettings};
use crate::models::Models;
use crate::sandbox::SandboxChoice;
use crate::upkeep::Upkeep;
use crate::{Ampx, AmpxError, Parts, Worker};

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
    /// What an earlier life left cannot be brought in order.
    #[error("failed to look after what earlier workers left")]
    Upkeep(#[from] AmpxError),
}

impl Hint for OpenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Git(error) => error.kind(),
            Self::Sandbox(error) => error.kind(),
            Self::Identity(error) => error.kind(),
            Self::Runs(error) => error.kind(),
            Self::Upkeep(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::Sandbox(error) => error.hint(),
            Self::Identity(error) => error.hint(),
            Self::Runs(error) => error.hint(),
            Self::Upkeep(error) => error.hint(),
        }
    }
}

/// Opens ampx on the platform of this process.
pub fn open(process: &Process, config: &Config) -> Result<Ampx, OpenError> {
    let settings = Settings::resolve(config)?;
    let data_dir = &process.platform.data_dir;
    let (author, committer) = identities(&process.platform.git);
    let git = Git::new(process_environment())?;
    let local = LocalForge::new(process.store.clone(), process.clock.clone());
    let github = GitHubSettings::resolve(config)?;
    Ok(Ampx::new(Parts {
        store: process.store.clone(),
        clock: process.clock.clone(),
        guard: process.guard.clone(),
        runs: process.runs.clone(),
        settings,
        cache: cache(data_dir, &git),
        git,
        forge: Forges::new(local, github.client(config, &process.clock)?.into_iter().collect()),
        hooks: github.webhooks(&process.clock),
        sandbox_choice: SandboxChoice::of(&process.platform, config),
        author,
        committer,
        signer: signer(&process.platform.git),
        models: Models::open(config, &process.store, &process.clock)?,
        work_root: data_dir.join("work"),
        secrets: process.secrets.clone(),
    }))
}

/// Starts a worker of this process that takes ampx's runs; `concurrency` stands above the setting.
pub async fn start_worker(
    ampx: &Ampx,
    process: &Process,
    name: Option<&str>,
    concurrency: Option<usize>,
) -> Result<Worker, OpenError> {
    start_worker_of(&[], ampx, process, name, concurrency).await
}

/// The same for the runs of these queues alone, of all where none is named. Fails on one that ampx has not.
pub async fn start_worker_of(
    queues: &[String],
    ampx: &Ampx,
    process: &Process,
    name: Option<&str>,
    concurrency: Option<usize>,
) -> Result<Worker, OpenError> {
    start(None, queues, ampx, process, name, concurrency).await
}

/// Starts a worker of this process that is there for one run: it begins that at once, and beside it what had begun and
/// lost its worker.
pub(crate) async fn start_worker_for(
    run_id: Option<RunId>,
    ampx: &Ampx,
    process: &Process,
) -> Result<Worker, OpenError> {
    start(run_id, &[], ampx, process, None, None).await
}

async fn start(
    there_for: Option<RunId>,
    queues: &[String],
    ampx: &Ampx,
    process: &Process,
    name: Option<&str>,
    concurrency: Option<usize>,
) -> Result<Worker, OpenError> {
    let mut registry = Registry::new();
    crate::runs::register(&mut registry, ampx);
    if !queues.is_empty() {
        registry = registry.of_queues(queues)?;
    }
    let identity = Identity::lock(&process.platform.data_dir, name, &process.clock)?;
    // Under the id's lock: what is labelled with it is nobody's who lives.
    ampx.make_sandbox(identity.id()).await?;
    let mut upkeep = Upkeep::new(ampx.clone(), identity.clone());
    upkeep.round().await?;
    let concurrency = concurrency.unwrap_or(ampx.settings.concurrent_tasks).max(1);
    let dead_after = process.platform.worker.dead_after();
    let options = WorkerOptions { concurrency, timing: Timing::taking_over_after(dead_after) };
    let runs = opsmith_runs::Worker::start_for(there_for, process.runs.clone(), registry, identity, options).await?;
    // A lease that is lost was silent for that long: there is no news more often.
    let merges = github::watch(ampx.clone());
    let upkeep = AbortOnDropHandle::new(tokio::spawn(async move {
        tokio::join!(upkeep.every(dead_after), merges);
    }));
    Ok(Worker { runs, upkeep })
}

/// Author and committer; where nothing is said of the latter, it is the former.
fn identities(git: &GitSettings) -> (Author, Author) {
    let author = Author { name: git.author_name.clone(), email: git.author_email.clone() };
    let name = git.committer_name.as_ref().unwrap_or(&author.name).clone();
    let email = git.committer_email.as_ref().unwrap_or(&author.email).clone();
    (author, Author { name, email })
}

/// What signs commits as the configuration says.
pub(crate) fn signer(git: &GitSettings) -> Option<Signer> {
    let key = git.signing_key.clone()?;
    let key = match git.sign {
        Sign::None => return None,
        Sign::Gpg => SigningKey::Gpg(key),
        Sign::Ssh => SigningKey::Ssh(key.into()),
    };
    Some(Signer::new(key, process_environment()))
}

fn cache(data_dir: &Path, git: &Git) -> RepoCache {
    RepoCache::new(data_dir.join("cache"), git.clone())
}
