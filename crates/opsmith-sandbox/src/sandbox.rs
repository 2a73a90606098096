use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::family::Leash;
use crate::pipes::{self, Meter};
use crate::spawn::Spawner;
use crate::{CommandSpec, Ended, Exit, ExitStatus, Marker, OutputChunk, SandboxError, Stream, environment};

/// Between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_millis(500);

/// How long a receiver that does not take the last output is waited for, when there is no other bound.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// The place where foreign commands run; cheap to clone, one per process is enough.
#[derive(Debug, Clone)]
pub struct Sandbox {
    host_env: BTreeMap<OsString, OsString>,
    spawner: Spawner,
}

impl Sandbox {
    /// Commands run on this machine, as this user. Of `host_env` only [`crate::HOST_ENV`] passes.
    ///
    /// Fails when the thread that starts commands cannot be had.
    pub fn local(host_env: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, SandboxError> {
        Ok(Self { host_env: environment::allowed(host_env), spawner: Spawner::new()? })
    }

    /// Runs a command to its end, whichever that is; no process of it is left afterwards, daemons included.
    ///
    /// Output goes to `output` at the receiver's pace, so receive while this runs; without a receiver it is dropped.
    /// `cancel` ends the command within 2 s, and so does dropping the future, though without waiting for it.
    ///
    /// Fails when the command cannot be started, and when processes of it cannot be found or killed.
    pub async fn run(
        &self,
        spec: CommandSpec,
        output: mpsc::Sender<OutputChunk>,
        cancel: &CancellationToken,
    ) -> Result<Exit, SandboxError> {
        let started = Instant::now();
        let mut leash = Leash::before_start(&spec.marker)?;
        let env = environment::of_command(&self.host_env, &spec);
        let mut child = self.spawner.start(&spec, env).await?;
        if let Some(leader) = leader(&child) {
            leash.adopt(leader.as_raw());
        }
        tracing::debug!(sandbox.marker = %spec.marker, process.pid = child.id(), "command started");
        let mut pipes = Pipes::attach(&mut child, spec.stdin, spec.limits.output_bytes, &output);
        drop(output);

        let mut wall = std::pin::pin!(tokio::time::sleep(spec.limits.wall));
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => Ended::Cancelled,
            _ = child.wait() => Ended::Exited,
            () = &mut wall => Ended::TimedOut,
            () = leash.memory_exceeded(spec.limits.memory_mib) => Ended::MemoryExceeded,
        };
        match ended {
            Ended::Exited => {}
            Ended::Cancelled | Ended::TimedOut => ask_to_end(&mut child, &leash).await,
            Ended::MemoryExceeded => signal_group(&child, Signal::SIGKILL),
        }
        signal_group(&child, Signal::SIGKILL);
        leash.sweep().await?;
        let status = child.wait().await.map_err(|source| SandboxError::Start { program: spec.program, source })?;

        let patience = async {
            tokio::time::sleep(DRAIN_GRACE).await;
            if ended == Ended::Exited {
                tokio::select! { () = &mut wall => {}, () = cancel.cancelled() => {} }
            }
        };
        pipes.finish(patience).await;
        Ok(Exit {
            status: exit_status(status),
            ended,
            output_bytes: pipes.meter.passed_on(),
            dropped_bytes: pipes.meter.dropped(),
            wall: started.elapsed(),
        })
    }

    /// Kills every process that carries `marker`, as a killed opsmith left it behind; how many there were.
    ///
    /// Not for a marker whose command this or another process still runs.
    pub async fn reap(&self, marker: &Marker) -> Result<usize, SandboxError> {
        let killed = Leash::on_leftovers(marker).sweep().await?;
        if killed > 0 {
            tracing::info!(sandbox.marker = %marker, killed, "leftover processes killed");
        }
        Ok(killed)
    }
}

/// The ends of a command's pipes that are ours.
#[derive(Debug)]
struct Pipes {
    meter: Arc<Meter>,
    ended: CancellationToken,
    readers: JoinSet<()>,
    /// Held for its drop: the rest of the input is not written once the command has ended.
    _writer: Option<AbortOnDropHandle<()>>,
}

impl Pipes {
    fn attach(child: &mut Child, stdin: Vec<u8>, budget_bytes: u64, output: &mpsc::Sender<OutputChunk>) -> Self {
        let meter = Arc::new(Meter::new(budget_bytes));
        let ended = CancellationToken::new();
        let mut readers = JoinSet::new();
        if let Some(pipe) = child.stdout.take() {
            readers.spawn(pipes::drain(pipe, Stream::Stdout, Arc::clone(&meter), output.clone(), ended.clone()));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.spawn(pipes::drain(pipe, Stream::Stderr, Arc::clone(&meter), output.clone(), ended.clone()));
        }
        let writer = child.stdin.take().map(|pipe| AbortOnDropHandle::new(tokio::spawn(pipes::feed(pipe, stdin))));
        Self { meter, ended, readers, _writer: writer }
    }

    /// Lets the readers take what is left, for no longer than `patience` takes.
    async fn finish(&mut self, patience: impl Future<Output = ()>) {
        self.ended.cancel();
        tokio::select! {
            () = async { while self.readers.join_next().await.is_some() {} } => {}
            () = patience => self.readers.shutdown().await,
        }
    }
}

/// SIGTERM to the group, and a short time for all of the command to follow it.
async fn ask_to_end(child: &mut Child, leash: &Leash) {
    // Who is a child now is an orphan without a trace when its parent obeys first.
    let _ = leash.look().await;
    signal_group(child, Signal::SIGTERM);
    let _ = tokio::time::timeout(TERM_GRACE, async {
        let _ = child.wait().await;
        leash.gone().await;
    })
    .await;
}

/// Signals the group while its leader is not waited for: after that, its number may be another's.
fn signal_group(child: &Child, signal: Signal) {
    if let Some(leader) = leader(child) {
        // It may be gone by now, which is what a signal is for.
        let _ = killpg(leader, signal);
    }
}

fn leader(child: &Child) -> Option<Pid> {
    child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
}

fn exit_status(status: std::process::ExitStatus) -> ExitStatus {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitStatus::Code(code),
        (None, signal) => ExitStatus::Signal(signal.unwrap_or_default()),
    }
}
