use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::classify::redact;
use super::environment::Environment;

/// How much of the standard error is kept: its end.
const STDERR_BYTES: usize = 8 * 1024;

/// How long the pipes may stay open after the program ended: a daemon that ssh or a helper left behind may hold them.
const DRAIN: Duration = Duration::from_secs(2);

/// A program to be run to its end.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub(super) program: &'a Path,
    pub(super) args: Vec<OsString>,
    pub(super) environment: &'a Environment,
    pub(super) folder: &'a Path,
    pub(super) stdin: &'a [u8],
    pub(super) timeout: Duration,
    /// How much of the standard output is kept; at more the program is ended.
    pub(super) max_output: usize,
}

/// What a program that ended, well or not, has said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) stdout: Vec<u8>,
    pub(super) truncated: bool,
    pub(super) code: Option<i32>,
    /// The end of it, without credentials.
    pub(super) stderr: String,
}

/// Why a program came to no end of its own.
#[derive(Debug)]
pub(super) enum NoEnd {
    NotStarted(io::Error),
    NotAwaited(io::Error),
    /// Its process group is gone.
    TimedOut,
}

/// The processes of one program: it leads a group of its own.
///
/// Ends them all when it goes out of scope before the program ended, so also when the caller's future is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn end(&self) {
        if let Some(pid) = self.0 {
            // The one failure there is: the group ended by itself in this moment.
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) async fn run(program: Program<'_>) -> Result<Said, NoEnd> {
    let mut child = spawn(&program).map_err(NoEnd::NotStarted)?;
    let mut group = Group::of(&child);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut truncated = false;
    let ended = {
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pipes = async {
            tokio::join!(
                feed(stdin, program.stdin),
                async { truncated = read_head(out, &mut stdout, program.max_output, &group).await },
                read_tail(err, &mut stderr),
            )
        };
        tokio::time::timeout(program.timeout, wait(&mut child, pipes)).await
    };
    let Ok(status) = ended else { return Err(NoEnd::TimedOut) };
    group.0 = None;
    let status = status.map_err(NoEnd::NotAwaited)?;
    Ok(Said { stdout, truncated, code: status.code(), stderr: redact(&String::from_utf8_lossy(&stderr)) })
}

fn spawn(program: &Program<'_>) -> io::Result<Child> {
    Command::new(program.program)
        .args(&program.args)
        .env_clear()
        .envs(program.environment.iter())
        .current_dir(program.folder)
        .stdin(if program.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Waits for the program, and for its pipes as long as it lives and a moment longer.
async fn wait(child: &mut Child, pipes: impl Future) -> io::Result<std::process::ExitStatus> {
    tokio::pin!(pipes);
    tokio::select! {
        status = child.wait() => {
            // Whatever was read by then is what it said.
            let _ = tokio::time::timeout(DRAIN, &mut pipes).await;
            status
        }
        _ = &mut pipes => child.wait().await,
    }
}

async fn feed(stdin: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A closed pipe: the program did not want it all, and its exit code says whether that is well.
        let _ = stdin.write_all(bytes).await;
    }
}

/// Keeps the first `limit` bytes; at one more the group is ended and the answer is `true`.
async fn read_head(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, limit: usize, group: &Group) -> bool {
    let mut chunk = vec![0; 64 * 1024];
    let Some(mut from) = from else { return false };
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let room = limit - kept.len();
        kept.extend_from_slice(&chunk[..length.min(room)]);
        if length > room {
            group.end();
            return true;
        }
    }
    false
}

/// Keeps the last [`STDERR_BYTES`]; after a cut from the first whole word on, as half a URL hides its password
/// from [`redact`].
async fn read_tail(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let mut chunk = vec![0; 8 * 1024];
    let Some(mut from) = from else { return };
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..length]);
        if let Some(excess @ 1..) = kept.len().checked_sub(STDERR_BYTES) {
            let word = kept[excess..].iter().position(u8::is_ascii_whitespace).unwrap_or(STDERR_BYTES);
            kept.drain(..excess + word);
        }
    }
}
