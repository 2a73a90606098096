use std::ffi::OsString;
use std::path::Path;

use opsmith_forge::git::{Git, GitError, Identity as Author, RepoCache};
use opsmith_forge::local::LocalForge;
use opsmith_host::config::{Config, ConfigError, process_env};
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, Hint};
use opsmith_runs::{Identity, IdentityError, Registry, RunsError, Timing, Worker, WorkerOptions};
use opsmith_sandbox::{Sandbox, SandboxError};

use crate::config::Settings;
use crate::{Ampx, AmpxError, Parts};

/// The variables of this process that git or a sandboxed command may ever see; each of them picks its own of these.
const HOST_VARIABLES: [&str; 39] = [
    "PATH",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_NUMERIC",
    "LC_TIME",
    "TZ",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
    "KRB5CCNAME",
    "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    CONFIG_COUNT,
];

/// How many settings of git are given by variables.
const CONFIG_COUNT: &str = "GIT_CONFIG_COUNT";
/// More settings by variables than these are not passed on.
const MOST_NUMBERED: usize = 64;

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
    let git = Git::new(host_environment())?;
    Ok(Ampx::new(Parts {
        store: process.store.clone(),
        clock: process.clock.clone(),
        guard: process.guard.clone(),
        runs: process.runs.clone(),
        settings,
        cache: cache(data_dir, &git),
        git,
        forge: LocalForge::new(process.store.clone(), process.clock.clone()),
        sandbox: Sandbox::local(host_environment())?,
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

/// What of this process's environment git and the sandbox may choose from.
pub(crate) fn host_environment() -> Vec<(OsString, OsString)> {
    let numbered = process_env(CONFIG_COUNT).and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    let numbered =
        (0..MOST_NUMBERED.min(numbered)).flat_map(|i| [format!("GIT_CONFIG_KEY_{i}"), format!("GIT_CONFIG_VALUE_{i}")]);
    let names = HOST_VARIABLES.into_iter().map(str::to_owned).chain(numbered);
    names.filter_map(|name| Some((OsString::from(&name), OsString::from(process_env(&name)?)))).collect()
}
