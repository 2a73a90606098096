use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{AccessFlags, access, getpid, getppid, setsid};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::netns::{self, Inside, Outside};
use crate::{CommandSpec, Limits, SandboxError, find};

/// The one thread that starts commands.
///
/// The kernel ties a child's parent-death signal to the *thread* that forked it, and an async runtime's threads come
/// and go; this one lives as long as its sender, so the signal comes when the process dies and never before.
#[derive(Debug, Clone)]
pub(crate) struct Spawner(mpsc::Sender<Request>);

struct Request {
    command: Command,
    runtime: Handle,
    started: oneshot::Sender<io::Result<Child>>,
}

/// A command as the system is to start it.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    pub program: &'a OsStr,
    pub args: &'a [OsString],
    pub cwd: &'a Path,
    /// All of its environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Whether it gets a pipe as stdin, else `/dev/null`.
    pub has_input: bool,
    pub resources: Vec<(Resource, u64)>,
    /// Files of control groups to enter.
    pub groups: Vec<File>,
    /// Whether it is put into a network namespace that has nothing but a listener of ours.
    pub own_network: bool,
}

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Started {
    pub child: Child,
    /// Where its proxy is to serve.
    pub listener: Option<TcpListener>,
}

impl Spawner {
    /// Starts the thread.
    pub fn new() -> Result<Self, SandboxError> {
        let (sender, requests) = mpsc::channel::<Request>();
        let thread = std::thread::Builder::new().name("sandbox-spawn".to_owned());
        thread
            .spawn(move || {
                for Request { mut command, runtime, started } in requests {
                    if started.is_closed() {
                        continue;
                    }
                    let _entered = runtime.enter();
                    // Where nobody waits any more, the child is dropped here, and killed by that.
                    let _ = started.send(command.spawn());
                }
            })
            .map_err(SandboxError::Setup)?;
        Ok(Self(sender))
    }

    /// Starts a command as the leader of a session of its own.
    pub async fn start(&self, launch: Launch<'_>) -> io::Result<Started> {
        let mut command = Command::new(launch.program);
        command
            .args(launch.args)
            .current_dir(launch.cwd)
            .env_clear()
            .envs(launch.env)
            .stdin(if launch.has_input { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let (inside, outside) =
            if launch.own_network { netns::pair().map(|(a, b)| (Some(a), Some(b)))? } else { (None, None) };
        prepare(&mut command, launch.resources, launch.groups, inside);
        let (started, child) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts commands has ended");
        let request = Request { command, runtime: Handle::current(), started };
        self.0.send(request).map_err(|_| gone())?;
        let child = child.await.unwrap_or_else(|_| Err(gone()))?;
        Ok(Started { child, listener: outside.map(Outside::listener).transpose()? })
    }
}

/// What the child does to itself between fork and exec.
#[expect(unsafe_code, reason = "resource limits, session and parent-death signal can only be set by the child itself")]
fn prepare(command: &mut Command, resources: Vec<(Resource, u64)>, groups: Vec<File>, network: Option<Inside>) {
    let parent = getpid();
    // SAFETY: the closure makes plain system calls on values made before the fork; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            close_inherited_on_exec()?;
            setsid()?;
            for mut group in &groups {
                group.write_all(b"0")?;
            }
            if let Some(network) = &network {
                network.enter()?;
            }
            // After the namespaces: a change of rights takes the signal off.
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != parent {
                // We died before the signal was set: nobody would get to know of this child.
                return Err(io::ErrorKind::NotConnected.into());
            }
            for (resource, limit) in &resources {
                setrlimit(*resource, *limit, *limit)?;
            }
            Ok(())
        });
    }
}

/// Keeps from the command what opsmith inherited open itself: a lock file, a socket, a pipe of whoever started it.
///
/// Fails on a kernel before 5.11, rather than let them pass.
#[expect(unsafe_code, reason = "no safe wrapper of close_range is at hand")]
fn close_inherited_on_exec() -> io::Result<()> {
    // SAFETY: no pointer is passed, and nothing is closed before exec, when no code of ours is left to use it.
    let done = unsafe {
        libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
    Ok(Errno::result(done).map(drop)?)
}

/// The limits that the kernel sets on each process; on their number only where no control group counts them.
pub(crate) fn resources(limits: &Limits, counts_processes: bool) -> Vec<(Resource, u64)> {
    let file_bytes = limits.file_mib.map(|mib| mib.saturating_mul(1024 * 1024));
    let processes = limits.processes.filter(|_| counts_processes);
    let wanted =
        [(Resource::RLIMIT_CORE, Some(0)), (Resource::RLIMIT_FSIZE, file_bytes), (Resource::RLIMIT_NPROC, processes)];
    wanted.into_iter().filter_map(|(resource, limit)| Some((resource, at_most_hard(resource, limit?)))).collect()
}

/// Only root may go over the hard limit that we run under ourselves.
fn at_most_hard(resource: Resource, wanted: u64) -> u64 {
    getrlimit(resource).map_or(wanted, |(_, hard)| wanted.min(hard))
}

/// Whether a command can start in `cwd`.
pub(crate) fn check_folder(cwd: &Path) -> Result<(), SandboxError> {
    let check = || {
        if !std::fs::metadata(cwd)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(access(cwd, AccessFlags::X_OK)?)
    };
    check().map_err(|source| SandboxError::WorkingFolder { cwd: cwd.to_owned(), source })
}

/// What it means for the command of `spec` that the system refused to start it.
pub(crate) fn refusal(spec: &CommandSpec, path: Option<&OsStr>, source: io::Error) -> SandboxError {
    let program = spec.program.clone();
    match source.kind() {
        // Where there is a file, it is closed to us, or the interpreter of its first line is missing.
        // A closed folder in PATH is reported as a refusal too, though the program is in none of them.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => {
            if find::program(&program, path, &spec.cwd).is_some() {
                SandboxError::NotExecutable { program, source }
            } else {
                SandboxError::ProgramNotFound { program }
            }
        }
        io::ErrorKind::ArgumentListTooLong => SandboxError::ArgumentsTooLong { program },
        _ => SandboxError::Start { program, source },
    }
}
