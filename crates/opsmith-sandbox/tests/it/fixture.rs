use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use opsmith_sandbox::{CommandSpec, Exit, Limits, Marker, OutputChunk, Sandbox, SandboxError, Stream};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No story takes this long unless it hangs.
pub const HANGS: Duration = Duration::from_secs(60);

/// A folder to run in and a sandbox with this process's environment.
pub struct Place {
    pub folder: TempDir,
    pub sandbox: Sandbox,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), sandbox: Sandbox::local(std::env::vars_os()).unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn spec(&self, program: impl Into<OsString>, args: &[&str]) -> CommandSpec {
        CommandSpec {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            cwd: self.path().to_owned(),
            env: Default::default(),
            stdin: Vec::new(),
            limits: Limits { wall: HANGS, ..Limits::default() },
            marker: fresh_marker(),
        }
    }

    pub fn sh(&self, script: &str) -> CommandSpec {
        self.spec("sh", &["-c", script])
    }

    /// Runs to the end with a willing receiver.
    pub async fn run(&self, spec: CommandSpec) -> Ran {
        let mut running = self.start(spec);
        running.collect().await;
        running.end().await
    }

    pub async fn refusal(&self, spec: CommandSpec) -> SandboxError {
        self.start(spec).exit.await.unwrap().unwrap_err()
    }

    pub fn start(&self, spec: CommandSpec) -> Running {
        start(&self.sandbox, spec)
    }
}

pub fn start(sandbox: &Sandbox, spec: CommandSpec) -> Running {
    let (sender, receiver) = mpsc::channel(4);
    let cancel = CancellationToken::new();
    let (sandbox, token) = (sandbox.clone(), cancel.clone());
    let exit = tokio::spawn(async move { sandbox.run(spec, sender, &token).await });
    Running { receiver, cancel, exit, stdout: Vec::new(), stderr: Vec::new() }
}

pub struct Running {
    pub receiver: mpsc::Receiver<OutputChunk>,
    pub cancel: CancellationToken,
    pub exit: JoinHandle<Result<Exit, SandboxError>>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// A command that has ended.
pub struct Ran {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Running {
    /// Receives until stdout holds `word`.
    pub async fn until(&mut self, word: &str) {
        while !String::from_utf8_lossy(&self.stdout).contains(word) {
            let chunk = tokio::time::timeout(HANGS, self.receiver.recv()).await.unwrap();
            self.take(chunk.unwrap_or_else(|| panic!("ended without `{word}`")));
        }
    }

    pub async fn collect(&mut self) {
        while let Some(chunk) = tokio::time::timeout(HANGS * 2, self.receiver.recv()).await.unwrap() {
            self.take(chunk);
        }
    }

    /// Receives the rest and comes back with the end.
    pub async fn end(mut self) -> Ran {
        self.collect().await;
        let exit = tokio::time::timeout(HANGS, self.exit).await.unwrap().unwrap().unwrap();
        Ran { exit, stdout: self.stdout, stderr: self.stderr }
    }

    fn take(&mut self, chunk: OutputChunk) {
        assert!((1..=64 * 1024).contains(&chunk.bytes.len()));
        match chunk.stream {
            Stream::Stdout => self.stdout.extend(chunk.bytes),
            Stream::Stderr => self.stderr.extend(chunk.bytes),
        }
    }
}

impl Ran {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The pids that the command printed, one a line after `pid `.
    pub fn pids(&self) -> Vec<i32> {
        self.text().lines().filter_map(|line| line.strip_prefix("pid ")?.parse().ok()).collect()
    }
}

pub fn fresh_marker() -> Marker {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

/// Whether `pid` can still run.
pub fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// The processes that carry `marker`.
pub fn marked(marker: &Marker) -> Vec<i32> {
    let entry = format!("OPSMITH_SANDBOX={marker}");
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|shown| shown == entry.as_bytes())
    })
    .collect()
}

/// A pipe file that ends for its reader when the last process that has it open is gone.
pub struct Lifeline(JoinHandle<std::io::Result<Vec<u8>>>);

impl Lifeline {
    /// A lifeline at `path`; the command opens it for writing.
    pub fn at(path: &Path) -> Self {
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let path = path.to_owned();
        Self(tokio::task::spawn_blocking(move || fs::read(path)))
    }

    pub async fn ended(self) {
        tokio::time::timeout(HANGS / 6, self.0).await.expect("somebody still lives").unwrap().unwrap();
    }
}
