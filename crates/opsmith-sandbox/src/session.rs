//! Commands as processes of this machine, with or without bubblewrap around them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::bubblewrap::{self, Bubblewrap};
use crate::cgroup::Group;
use crate::family::Leash;
use crate::pipes::{self, Meter};
use crate::proxy::Proxy;
use crate::spawn::{self, Launch, Started};
use crate::{
    CommandSpec, Ended, Exit, ExitStatus, Network, OutputChunk, Sandbox, SandboxError, Stream, environment, find, netns,
};

/// Between SIGTERM and SIGKILL.
pub(crate) const TERM_GRACE: Duration = Duration::from_millis(500);

/// How long a receiver that does not take the last output is waited for, when there is no other bound.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_millis(500);

impl Sandbox {
    pub(crate) async fn run_here(
        &self,
        spec: CommandSpec,
        bubblewrap: Option<&Bubblewrap>,
        output: mpsc::Sender<OutputChunk>,
        cancel: &CancellationToken,
    ) -> Result<Exit, SandboxError> {
        let started = Instant::now();
        // The group goes last, after whatever the leash finds.
        let own_processes = bubblewrap.map_or(0, |_| bubblewrap::OWN_PROCESSES);
        let group = self.cgroups.group(&spec.marker, &spec.limits, own_processes)?;
        let mut leash = Leash::before_start(&spec.marker)?;
        let env = environment::of_command(&self.host_env, &spec);
        let (mut child, _proxy) = self.start(&spec, env, bubblewrap, &group).await?;
        if let Some(leader) = leader(&child) {
            leash.adopt(leader.as_raw());
        }
        tracing::debug!(sandbox.marker = %spec.marker, process.pid = child.id(), "command started");
        let mut pipes = Pipes::attach(&mut child, spec.stdin, spec.limits.output_bytes, &output);
        drop(output);

        let mut wall = std::pin::pin!(tokio::time::sleep(spec.limits.wall));
        let mut ended = tokio::select! {
            biased;
            () = cancel.cancelled() => Ended::Cancelled,
            _ = child.wait() => Ended::Exited,
            () = &mut wall => Ended::TimedOut,
            () = leash.memory_exceeded(spec.limits.memory_mib) => Ended::MemoryExceeded,
            () = group.memory_exceeded() => Ended::MemoryExceeded,
        };
        // Where the kernel killed the one process that mattered, it looks as if the command had ended by itself.
        if ended == Ended::Exited && group.has_exceeded_memory() {
            ended = Ended::MemoryExceeded;
        }
        match ended {
            Ended::Exited => {}
            Ended::Cancelled | Ended::TimedOut => ask_to_end(&mut child, &leash, bubblewrap.is_some()).await,
            Ended::MemoryExceeded => signal_group(&child, Signal::SIGKILL),
        }
        signal_group(&child, Signal::SIGKILL);
        leash.sweep().await?;
        group.end(&spec.marker).await?;
        let status = child.wait().await.map_err(|source| SandboxError::Start { program: spec.program, source })?;

        let patience = async {
            tokio::time::sleep(DRAIN_GRACE).await;
            if ended == Ended::Exited {
                tokio::select! { () = &mut wall => {}, () = cancel.cancelled() => {} }
            }
        };
        pipes.finish(patience).await;
        Ok(Exit {
            status: exit_status(status, bubblewrap.is_some()),
            ended,
            output_bytes: pipes.meter.passed_on(),
            dropped_bytes: pipes.meter.dropped(),
            wall: started.elapsed(),
        })
    }

    async fn start(
        &self,
        spec: &CommandSpec,
        mut env: BTreeMap<OsString, OsString>,
        bubblewrap: Option<&Bubblewrap>,
        group: &Group,
    ) -> Result<(Child, Option<Proxy>), SandboxError> {
        let path = env.get(OsStr::new("PATH")).cloned();
        let groups = group.entries().map_err(|source| SandboxError::Cgroup { marker: spec.marker.clone(), source })?;
        let has_input = !spec.stdin.is_empty();
        let resources = spawn::resources(&spec.limits, self.cgroups.pids.is_none());
        let Some(bubblewrap) = bubblewrap else {
            let (program, args, cwd) = (spec.program.as_os_str(), spec.args.as_slice(), spec.cwd.as_path());
            let launch = Launch { program, args, cwd, env, has_input, resources, groups, own_network: false };
            let started = self.spawner.start(launch).await;
            let started = started.map_err(|source| spawn::refusal(spec, path.as_deref(), source))?;
            return Ok((started.child, None));
        };
        // `bwrap` would say it on the command's stderr, as if the command had run.
        if find::program(&spec.program, path.as_deref(), &spec.cwd).is_none() {
            return Err(SandboxError::ProgramNotFound { program: spec.program.clone() });
        }
        let listed = match &self.access.network {
            Network::On | Network::Off => None,
            Network::Listed(destinations) => Some(destinations),
        };
        if listed.is_some() {
            env.extend(netns::proxy_env().map(|(name, value)| (name.into(), value.into())));
        }
        let args = bubblewrap.arguments(spec, &env, &self.access);
        let own_network = listed.is_some();
        let program = bubblewrap.program().as_os_str();
        let launch =
            Launch { program, args: &args, cwd: Path::new("/"), env, has_input, resources, groups, own_network };
        let started = self.spawner.start(launch).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::ArgumentListTooLong => SandboxError::ArgumentsTooLong { program: spec.program.clone() },
            _ => SandboxError::Start { program: program.to_owned(), source },
        });
        let Started { child, listener } = started?;
        let proxy = listener.zip(listed).map(|(listener, destinations)| Proxy::serve(listener, destinations));
        Ok((child, proxy))
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

/// SIGTERM to the command's group, and a short time for all of the command to follow it.
async fn ask_to_end(child: &mut Child, leash: &Leash, in_namespace: bool) {
    // Who is a child now is an orphan without a trace when its parent obeys first.
    let members = leash.look().await.unwrap_or_default();
    if in_namespace {
        // The child is `bwrap` itself, whose end would be everybody's at once. Its one child leads the session of the
        // command, and does not heed the signal, as the first process of a namespace.
        let outer = leader(child).map(Pid::as_raw);
        let inner = members.iter().find(|member| Some(member.parent) == outer && member.session == member.pid);
        if let Some(inner) = inner {
            let _ = killpg(Pid::from_raw(inner.pid), Signal::SIGTERM);
        }
    } else {
        signal_group(child, Signal::SIGTERM);
    }
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

fn exit_status(status: std::process::ExitStatus, told_by_code: bool) -> ExitStatus {
    match (status.code(), status.signal()) {
        (Some(code), _) if told_by_code => ExitStatus::from_shell(code),
        (Some(code), _) => ExitStatus::Code(code),
        (None, signal) => ExitStatus::Signal(signal.unwrap_or_default()),
    }
}
