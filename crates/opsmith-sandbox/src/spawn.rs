use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{AccessFlags, access, getpid, getppid, setsid};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::{CommandSpec, Limits, SandboxError};

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

    /// Starts the command of `spec` as the leader of a session of its own, with exactly `env`.
    pub async fn start(&self, spec: &CommandSpec, env: BTreeMap<OsString, OsString>) -> Result<Child, SandboxError> {
        check_folder(&spec.cwd).map_err(|source| SandboxError::WorkingFolder { cwd: spec.cwd.clone(), source })?;
        let path = env.get(OsStr::new("PATH")).cloned();
        let mut command = Command::new(&spec.program);
        command
            .args(&spec.args)
            .current_dir(&spec.cwd)
            .env_clear()
            .envs(env)
            .stdin(if spec.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        prepare(&mut command, &spec.limits);
        let (started, child) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts commands has ended");
        let started = match self.0.send(Request { command, runtime: Handle::current(), started }) {
            Ok(()) => child.await.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(gone()),
        };
        started.map_err(|source| refusal(spec, path.as_deref(), source))
    }
}

/// What the child does to itself between fork and exec.
#[expect(unsafe_code, reason = "resource limits, session and parent-death signal can only be set by the child itself")]
fn prepare(command: &mut Command, limits: &Limits) {
    let limits = resource_limits(limits);
    let parent = getpid();
    // SAFETY: the closure makes plain system calls on values made before the fork; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            close_inherited_on_exec()?;
            setsid()?;
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != parent {
                // We died before the signal was set: nobody would get to know of this child.
                return Err(io::ErrorKind::NotConnected.into());
            }
            for (resource, limit) in limits.into_iter().flatten() {
                setrlimit(resource, limit, limit)?;
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

fn resource_limits(limits: &Limits) -> [Option<(Resource, u64)>; 3] {
    let file_bytes = limits.file_mib.map(|mib| mib.saturating_mul(1024 * 1024));
    [
        Some((Resource::RLIMIT_CORE, 0)),
        file_bytes.map(|bytes| (Resource::RLIMIT_FSIZE, at_most_hard(Resource::RLIMIT_FSIZE, bytes))),
        limits.processes.map(|count| (Resource::RLIMIT_NPROC, at_most_hard(Resource::RLIMIT_NPROC, count))),
    ]
}

/// Only root may go over the hard limit that we run under ourselves.
fn at_most_hard(resource: Resource, wanted: u64) -> u64 {
    getrlimit(resource).map_or(wanted, |(_, hard)| wanted.min(hard))
}

fn check_folder(cwd: &Path) -> io::Result<()> {
    if !std::fs::metadata(cwd)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(access(cwd, AccessFlags::X_OK)?)
}

fn refusal(spec: &CommandSpec, path: Option<&OsStr>, source: io::Error) -> SandboxError {
    let program = spec.program.clone();
    match source.kind() {
        // Where there is a file, it is closed to us, or the interpreter of its first line is missing.
        // A closed folder in PATH is reported as a refusal too, though the program is in none of them.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => {
            if is_there(spec, path) {
                SandboxError::NotExecutable { program, source }
            } else {
                SandboxError::ProgramNotFound { program }
            }
        }
        io::ErrorKind::ArgumentListTooLong => SandboxError::ArgumentsTooLong { program },
        _ => SandboxError::Start { program, source },
    }
}

/// Whether anything is where the system looks for the program.
fn is_there(spec: &CommandSpec, path: Option<&OsStr>) -> bool {
    if spec.program.as_encoded_bytes().contains(&b'/') {
        return spec.cwd.join(&spec.program).exists();
    }
    std::env::split_paths(path.unwrap_or_default()).any(|folder| spec.cwd.join(folder).join(&spec.program).is_file())
}
