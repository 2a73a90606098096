use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::ContainerState;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, EventsOptions, InspectContainerOptions, KillContainerOptions,
    StartContainerOptions, WaitContainerOptions,
};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Container;
use super::probe::{failed, remove};
use crate::pipes::{self, Meter};
use crate::session::{DRAIN_GRACE, TERM_GRACE};
use crate::{Access, CommandSpec, Ended, Exit, ExitStatus, OutputChunk, SandboxError, Stream};

/// How long a container may take to end after SIGKILL, on a loaded machine.
const KILL_PATIENCE: Duration = Duration::from_secs(30);

/// Enough for one line.
const HEAD_BYTES: usize = 400;

impl Container {
    /// Runs a command in a container of its own, which is removed whatever happens.
    pub async fn run(
        &self,
        spec: CommandSpec,
        access: &Access,
        output: mpsc::Sender<OutputChunk>,
        cancel: &CancellationToken,
    ) -> Result<Exit, SandboxError> {
        let started = Instant::now();
        let body = self.body(&spec, access)?;
        let created = self.docker.create_container(None::<CreateContainerOptions>, body).await;
        let created =
            created.map_err(|source| failed(format!("create a container of `{}`", self.settings.image), source));
        let place = Removal { docker: self.docker.clone(), id: Some(created?.id) };
        let exit = self.run_in(place.id(), spec, output, cancel, started).await;
        place.now().await?;
        exit
    }

    async fn run_in(
        &self,
        id: &str,
        mut spec: CommandSpec,
        output: mpsc::Sender<OutputChunk>,
        cancel: &CancellationToken,
        started: Instant,
    ) -> Result<Exit, SandboxError> {
        let meter = Arc::new(Meter::new(spec.limits.output_bytes));
        // From before the start, or what it says and does at once would be missed.
        let options = AttachContainerOptions {
            stream: true,
            stdin: !spec.stdin.is_empty(),
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        let attached = self.docker.attach_container(id, Some(options)).await;
        let attached = attached.map_err(|source| failed(format!("attach to the container `{id}`"), source))?;
        let mut over_memory = std::pin::pin!(self.memory_exceeded(id));
        self.start(id, &spec).await?;
        tracing::debug!(sandbox.marker = %spec.marker, container.id = id, "command started");
        let input = std::mem::take(&mut spec.stdin);
        let _writer =
            (!input.is_empty()).then(|| AbortOnDropHandle::new(tokio::spawn(pipes::feed(attached.input, input))));
        let reader = pass_on(attached.output, Arc::clone(&meter), output);
        let mut reader = AbortOnDropHandle::new(tokio::spawn(reader));

        let mut wall = std::pin::pin!(tokio::time::sleep(spec.limits.wall));
        let mut ended = tokio::select! {
            biased;
            () = cancel.cancelled() => Ended::Cancelled,
            () = self.stopped(id) => Ended::Exited,
            () = &mut wall => Ended::TimedOut,
            () = &mut over_memory => Ended::MemoryExceeded,
        };
        match ended {
            Ended::Exited => {}
            Ended::Cancelled | Ended::TimedOut => {
                self.kill(id, "SIGTERM").await;
                let _ = tokio::time::timeout(TERM_GRACE, self.stopped(id)).await;
                self.kill(id, "SIGKILL").await;
            }
            Ended::MemoryExceeded => self.kill(id, "SIGKILL").await,
        }
        let _ = tokio::time::timeout(KILL_PATIENCE, self.stopped(id)).await;
        let state = self.state(id).await?;
        if ended == Ended::Exited && state.oom_killed == Some(true) {
            ended = Ended::MemoryExceeded;
        }
        let patience = async {
            tokio::time::sleep(DRAIN_GRACE).await;
            if ended == Ended::Exited {
                tokio::select! { () = &mut wall => {}, () = cancel.cancelled() => {} }
            }
        };
        let said = tokio::select! { said = &mut reader => said.unwrap_or_default(), () = patience => Vec::new() };
        let code = state.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or_default();
        if let Some(refusal) = refusal(code, &said, &spec) {
            return Err(refusal);
        }
        Ok(Exit {
            status: ExitStatus::from_shell(code),
            ended,
            output_bytes: meter.passed_on(),
            dropped_bytes: meter.dropped(),
            wall: started.elapsed(),
        })
    }

    async fn start(&self, id: &str, spec: &CommandSpec) -> Result<(), SandboxError> {
        let Err(source) = self.docker.start_container(id, None::<StartContainerOptions>).await else { return Ok(()) };
        let program = spec.program.clone();
        // The runtime's words; the daemon has no code of its own for them.
        let said = source.to_string();
        if said.contains("executable file not found") || said.contains("no such file or directory") {
            return Err(SandboxError::ProgramNotFound { program });
        }
        if said.contains("permission denied") || said.contains("exec format error") {
            return Err(SandboxError::NotExecutable { program, source: std::io::Error::other(source) });
        }
        Err(failed(format!("start the container `{id}`"), source))
    }

    /// Comes back when the container does not run any more.
    async fn stopped(&self, id: &str) {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        loop {
            match self.docker.wait_container(id, Some(options.clone())).next().await {
                // The code of the command comes as an error, too.
                Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => return,
                Some(Err(Error::DockerResponseServerError { status_code: 404, .. })) => return,
                Some(Err(error)) => tracing::warn!(container.id = id, error = %error, "failed to wait for a container"),
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Comes back when the kernel has killed a process of the container for its memory; else never.
    async fn memory_exceeded(&self, id: &str) {
        let filters = HashMap::from([
            ("container".to_owned(), vec![id.to_owned()]),
            ("event".to_owned(), vec!["oom".to_owned()]),
        ]);
        let options = EventsOptions { filters: Some(filters), ..EventsOptions::default() };
        if !matches!(self.docker.events(Some(options)).next().await, Some(Ok(_))) {
            // The end of the container tells as well, only later.
            std::future::pending::<()>().await;
        }
    }

    async fn kill(&self, id: &str, signal: &str) {
        let options = KillContainerOptions { signal: signal.to_owned() };
        match self.docker.kill_container(id, Some(options)).await {
            // It ended before.
            Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
            Err(error) => tracing::warn!(container.id = id, error = %error, "failed to signal a container"),
        }
    }

    async fn state(&self, id: &str) -> Result<ContainerState, SandboxError> {
        let about = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
        let about = about.map_err(|source| failed(format!("look at the container `{id}`"), source))?;
        Ok(about.state.unwrap_or_default())
    }
}

/// What the container's first process says, and exits with, when it cannot start the command.
const INIT_SAYS: &[u8] = b"[FATAL tini (";

/// The refusal to start the program that a container's end tells.
fn refusal(code: i32, said: &[u8], spec: &CommandSpec) -> Option<SandboxError> {
    let program = spec.program.clone();
    match (said.starts_with(INIT_SAYS), code) {
        (true, 127) => Some(SandboxError::ProgramNotFound { program }),
        (true, 126) => {
            let source = std::io::Error::other(String::from_utf8_lossy(said).trim().to_owned());
            Some(SandboxError::NotExecutable { program, source })
        }
        _ => None,
    }
}

/// Passes the output on to its end; the beginning of what came on stderr.
async fn pass_on(
    mut attached: impl futures::Stream<Item = Result<LogOutput, Error>> + Unpin,
    meter: Arc<Meter>,
    output: mpsc::Sender<OutputChunk>,
) -> Vec<u8> {
    let mut head = Vec::new();
    while let Some(read) = attached.next().await {
        match read {
            Ok(LogOutput::StdErr { message }) => {
                let room = HEAD_BYTES.saturating_sub(head.len());
                head.extend_from_slice(&message[..room.min(message.len())]);
                meter.pass_on(Stream::Stderr, &message, &output).await;
            }
            Ok(LogOutput::StdOut { message } | LogOutput::Console { message }) => {
                meter.pass_on(Stream::Stdout, &message, &output).await;
            }
            Ok(LogOutput::StdIn { .. }) => {}
            Err(error) => {
                tracing::warn!(error = %error, "failed to read the output of a container");
                break;
            }
        }
    }
    head
}

/// A container that is removed when this is dropped, as when the future that runs the command is.
struct Removal {
    docker: Docker,
    id: Option<String>,
}

impl Removal {
    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    async fn now(mut self) -> Result<(), SandboxError> {
        let done = remove(&self.docker, self.id()).await;
        if done.is_ok() {
            self.id = None;
        }
        done
    }
}

impl Drop for Removal {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let docker = self.docker.clone();
            runtime.spawn(async move {
                if let Err(error) = remove(&docker, &id).await {
                    tracing::error!(container.id = id, error = ?error, "a container is left behind");
                }
            });
        }
    }
}
