use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::classify::{failure, redact};
use super::{GitCommand, GitError};

/// How much of the standard error is kept: its end.
const STDERR_BYTES: usize = 8 * 1024;

/// How long the pipes may stay open after git ended: a daemon that ssh or a helper left behind may hold them.
const DRAIN: Duration = Duration::from_secs(2);

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

/// The processes of one git command: git leads a group of its own.
///
/// Ends them all when it goes out of scope before git ended, so also when the caller's future is dropped.
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

pub(super) async fn run(command: GitCommand) -> Result<Ended, GitError> {
    let name = command.subcommand();
    let mut child = spawn(&command)?;
    let mut group = Group::of(&child);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let mut truncated = false;
    let ended = {
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pipes = async {
            tokio::join!(
                feed(stdin, &command.stdin),
                async { truncated = read_head(out, &mut stdout, command.max_output, &group).await },
                read_tail(err, &mut stderr),
            )
        };
        tokio::time::timeout(command.timeout, wait(&mut child, pipes)).await
    };
    let Ok(status) = ended else {
        return Err(GitError::Timeout { command: name });
    };
    group.0 = None;
    let status = status.map_err(|error| GitError::io(format!("wait for `git {name}`"), error))?;
    let stderr = redact(&String::from_utf8_lossy(&stderr));
    Ok(Ended { stdout, truncated, code: status.code(), stderr, command: name, repository: command.repository() })
}

fn spawn(command: &GitCommand) -> Result<Child, GitError> {
    Command::new(&command.program)
        .args(command.command_line())
        .env_clear()
        .envs(command.environment.iter())
        .current_dir(command.folder())
        .stdin(if command.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            let folder = command.folder().display();
            GitError::io(format!("start `git {}` in `{folder}`", command.subcommand()), error)
        })
}

/// Waits for git, and for its pipes as long as it lives and a moment longer.
async fn wait(child: &mut Child, pipes: impl Future) -> std::io::Result<std::process::ExitStatus> {
    tokio::pin!(pipes);
    tokio::select! {
        status = child.wait() => {
            // Whatever was read by then is what git said.
            let _ = tokio::time::timeout(DRAIN, &mut pipes).await;
            status
        }
        _ = &mut pipes => child.wait().await,
    }
}

async fn feed(stdin: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut stdin) = stdin {
        // A closed pipe: git did not want it all, and its exit code says whether that is well.
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
