use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::GitError;
use super::classify::failure;
use super::environment::{Environment, find_program};
use super::process::{self, NoEnd, Program};

/// Settings no repository or user may change: nothing of a repository's runs on this machine, nothing works in
/// the background, objects stay where clones that share them look for them.
const SETTINGS: [&str; 13] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.attributesFile=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    // A transfer slower than this for this long is dead.
    "http.lowSpeedLimit=500",
    "http.lowSpeedTime=60",
];

const WORK_TIMEOUT: Duration = Duration::from_secs(60);
const NETWORK_TIMEOUT: Duration = Duration::from_secs(600);
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// The git program and the environments it runs in; cheap to clone.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    work: Environment,
    network: Environment,
}

impl Git {
    /// Finds `git` in the `PATH` of `environment`, the environment of the host process; of it only
    /// allow-listed variables ever reach git.
    pub fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, GitError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let program = find_program("git", &environment).ok_or(GitError::NotInstalled)?;
        Ok(Self { program, work: Environment::work(&environment), network: Environment::network(&environment) })
    }

    /// A command on local files: no user or system configuration, no network, no lazy fetch.
    pub fn work(&self, git_dir: &Path) -> GitCommand {
        self.command(git_dir, &self.work, WORK_TIMEOUT)
    }

    /// A command that talks to a remote with the user's own configuration and credentials.
    ///
    /// `git_dir` must not be a folder an agent could write to: its configuration names programs.
    pub fn network(&self, git_dir: &Path) -> GitCommand {
        self.command(git_dir, &self.network, NETWORK_TIMEOUT)
    }

    fn command(&self, git_dir: &Path, environment: &Environment, timeout: Duration) -> GitCommand {
        GitCommand {
            program: self.program.clone(),
            git_dir: git_dir.to_owned(),
            work_tree: None,
            current_dir: None,
            args: Vec::new(),
            environment: environment.clone(),
            stdin: Vec::new(),
            timeout,
            max_output: MAX_OUTPUT_BYTES,
            repository: None,
        }
    }
}

/// One git process to be.
#[derive(Clone, Debug)]
pub struct GitCommand {
    program: PathBuf,
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
    current_dir: Option<PathBuf>,
    args: Vec<OsString>,
    environment: Environment,
    stdin: Vec<u8>,
    timeout: Duration,
    max_output: usize,
    repository: Option<String>,
}

/// What a git command that succeeded wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitOutput {
    /// The bytes, at most `max_output` of them.
    pub stdout: Vec<u8>,
    /// Whether there was more; then git was ended early and its exit code is not known.
    pub truncated: bool,
}

/// A git process that ended, well or not.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: Vec<u8>,
    pub(crate) truncated: bool,
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
    command: String,
    repository: String,
}

impl Ended {
    /// The error that its standard error tells of.
    pub(crate) fn into_error(self) -> GitError {
        failure(self.command, self.repository, &self.stderr)
    }
}

impl GitCommand {
    /// Adds one argument; the first is the subcommand.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Works on the files of `folder`; also the current folder unless another is named.
    pub fn work_tree(mut self, folder: &Path) -> Self {
        self.work_tree = Some(folder.to_owned());
        self
    }

    /// Runs in `folder`.
    pub fn current_dir(mut self, folder: &Path) -> Self {
        self.current_dir = Some(folder.to_owned());
        self
    }

    /// Sets one variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.set(name, value);
        self
    }

    /// Feeds `bytes` to the standard input, which is else empty.
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Ends the process group after `timeout`: else 60 s for local work, 600 s with a network.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Keeps at most `bytes` of the standard output: else 16 MiB.
    pub fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Names the remote in errors.
    pub(crate) fn about(mut self, repository: &impl ToString) -> Self {
        self.repository = Some(repository.to_string());
        self
    }

    /// Runs to the end; any exit code but 0 is an error.
    pub async fn run(self) -> Result<GitOutput, GitError> {
        let ended = self.end().await?;
        if ended.truncated || ended.code == Some(0) {
            return Ok(GitOutput { stdout: ended.stdout, truncated: ended.truncated });
        }
        Err(ended.into_error())
    }

    /// The whole standard output as trimmed text, what is not UTF-8 replaced; more than `max_output` is an error.
    pub async fn text(self) -> Result<String, GitError> {
        let (limit, what) = (self.max_output, format!("the output of `git {}`", self.subcommand()));
        let output = self.run().await?;
        if output.truncated {
            return Err(GitError::TooLarge { what, limit: u64::try_from(limit).unwrap_or(u64::MAX) });
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether git says yes (exit code 0) or no (1); any other code is an error.
    pub async fn succeeds(self) -> Result<bool, GitError> {
        let ended = self.end().await?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(ended.into_error()),
        }
    }

    /// Runs to the end, whatever the exit code; an error only where there is none.
    pub(crate) async fn end(self) -> Result<Ended, GitError> {
        let (command, folder) = (self.subcommand(), self.folder());
        let program = Program {
            program: &self.program,
            args: self.command_line(),
            environment: &self.environment,
            folder,
            stdin: &self.stdin,
            timeout: self.timeout,
            max_output: self.max_output,
        };
        match process::run(program).await {
            Ok(said) => Ok(Ended {
                stdout: said.stdout,
                truncated: said.truncated,
                code: said.code,
                stderr: said.stderr,
                repository: self.repository(),
                command,
            }),
            Err(NoEnd::TimedOut) => Err(GitError::Timeout { command }),
            Err(NoEnd::NotStarted(error)) => {
                Err(GitError::io(format!("start `git {command}` in `{}`", folder.display()), error))
            }
            Err(NoEnd::NotAwaited(error)) => Err(GitError::io(format!("wait for `git {command}`"), error)),
        }
    }

    /// The words after `git`, with the settings that hold for every process.
    fn command_line(&self) -> Vec<OsString> {
        let mut line = Vec::with_capacity(self.args.len() + 2 * SETTINGS.len() + 2);
        for setting in SETTINGS {
            line.extend([OsString::from("-c"), OsString::from(setting)]);
        }
        line.push(option("--git-dir=", &self.git_dir));
        line.extend(self.work_tree.iter().map(|folder| option("--work-tree=", folder)));
        line.extend(self.args.iter().cloned());
        line
    }

    /// The folder to run in: never the host's own, which may be any.
    fn folder(&self) -> &Path {
        let chosen = self.current_dir.as_deref().or(self.work_tree.as_deref());
        match (chosen, self.git_dir.parent()) {
            (Some(folder), _) => folder,
            (None, Some(parent)) if !self.git_dir.is_dir() => parent,
            (None, _) => &self.git_dir,
        }
    }

    /// The first argument: all that errors may show of them.
    fn subcommand(&self) -> String {
        self.args.first().map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The remote's name for errors.
    fn repository(&self) -> String {
        self.repository.clone().unwrap_or_else(|| self.git_dir.display().to_string())
    }
}

fn option(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}
