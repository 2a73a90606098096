//! One go of a program whose output is understood: it runs in the sandbox, its lines become events, and the events
//! become the log and the report.

use std::path::Path;
use std::time::Duration;

use opsmith_sandbox::{CommandSpec, Ended, Exit, ExitStatus, OutputChunk, Stream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::event::AgentEvent;
use super::fault::{AgentFault, FaultKind};
use super::launch;
use super::lines::{Line, Lines};
use super::tally::{Overrun, Tally};
use super::wire::Wire;
use super::{AgentError, AgentReport, Job};
use crate::task::Usage;

/// How much output a program may write in all. Events repeat whole files, so it is far more than the log keeps.
const MOST_OUTPUT_BYTES: u64 = 512 * 1024 * 1024;
/// How much of standard error is kept to tell why a program that said nothing ended.
const MOST_STDERR_BYTES: usize = 8 * 1024;
/// How long a program may take to read an answer of ours.
const MOST_REPLY_TIME: Duration = Duration::from_secs(30);
/// How long a program that serves may take to end after its work.
const MOST_FAREWELL: Duration = Duration::from_secs(5);
const CHANNEL: usize = 16;

/// How a go went.
#[derive(Debug)]
pub(super) struct Go {
    pub(super) report: AgentReport,
    /// The agent has said or done something.
    pub(super) began: bool,
    pub(super) session_total: Option<Usage>,
}

/// Runs the program; `before` is what its session had used.
pub(super) async fn run(job: &Job<'_>, mut spec: CommandSpec, wire: Wire, before: Usage) -> Result<Go, AgentError> {
    spec.limits.output_bytes = MOST_OUTPUT_BYTES;
    let stop = job.cancel.child_token();
    let input = match &wire {
        Wire::Acp(conversation) => {
            let opening = conversation.opening();
            let mut input = input_pipe(job.private, &mut spec)?;
            send(&mut input, &opening).await;
            Some(input)
        }
        Wire::Codex | Wire::Claude | Wire::Amp | Wire::Opencode | Wire::Litellm => None,
    };
    let pump = Pump {
        wire,
        tally: Tally::new(job.allowance, before),
        input,
        stop: stop.clone(),
        overrun: None,
        lines: Lines::default(),
        stderr: Lines::default(),
        last_stderr: String::new(),
        log: job.log.clone(),
        log_left: job.limits.output_bytes,
    };
    let (sender, receiver) = mpsc::channel(CHANNEL);
    let (exit, pump) = tokio::join!(job.sandbox.run(spec, sender, &stop), pump.run(receiver));
    Ok(pump.end(&exit?, job))
}

/// A pipe by name as the program's input, which stays open for answers: what a command gets in the sandbox is
/// otherwise fixed before it starts. The one shell line is fixed, and the program's words are its parameters.
fn input_pipe(folder: &Path, spec: &mut CommandSpec) -> Result<pipe::Sender, AgentError> {
    let path = folder.join("tmp/input");
    let failed = |source| AgentError::Write { path: path.clone(), source };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR)
        .map_err(|errno| failed(errno.into()))?;
    // With both ends open here, neither opening waits for the other side.
    let sender = pipe::OpenOptions::new().read_write(true).open_sender(&path).map_err(failed)?;
    let program = std::mem::replace(&mut spec.program, "sh".into());
    let args = std::mem::take(&mut spec.args);
    spec.args = vec!["-c".into(), "exec \"$@\" <\"$0\"".into(), path.into(), program];
    spec.args.extend(args);
    Ok(sender)
}

async fn send(input: &mut pipe::Sender, line: &str) -> bool {
    let write = async {
        input.write_all(line.as_bytes()).await?;
        input.write_all(b"\n").await
    };
    matches!(tokio::time::timeout(MOST_REPLY_TIME, write).await, Ok(Ok(())))
}

/// Takes what a program writes while it runs.
#[derive(Debug)]
struct Pump {
    wire: Wire,
    tally: Tally,
    input: Option<pipe::Sender>,
    stop: CancellationToken,
    overrun: Option<Overrun>,
    lines: Lines,
    stderr: Lines,
    last_stderr: String,
    log: mpsc::Sender<OutputChunk>,
    log_left: u64,
}

impl Pump {
    async fn run(mut self, mut output: mpsc::Receiver<OutputChunk>) -> Self {
        while let Some(chunk) = output.recv().await {
            match chunk.stream {
                Stream::Stdout => {
                    for line in self.lines.push(&chunk.bytes) {
                        self.stdout(line).await;
                    }
                }
                Stream::Stderr => {
                    for line in self.stderr.push(&chunk.bytes) {
                        self.stderr(line).await;
                    }
                }
            }
        }
        if let Some(line) = self.lines.end() {
            self.stdout(line).await;
        }
        if let Some(line) = self.stderr.end() {
            self.stderr(line).await;
        }
        self
    }

    async fn stdout(&mut self, line: Line) {
        let line = match line {
            Line::Text(line) => line,
            Line::TooLong(bytes) => {
                tracing::debug!(bytes, "an agent's line is too long and left aside");
                return;
            }
        };
        let reading = self.wire.read(&line);
        if reading.is_text {
            self.say(&line).await;
        }
        for event in reading.events {
            // Some programs name their session with every event.
            let known =
                matches!(&event, AgentEvent::Started { session } if self.tally.session.as_ref() == Some(session));
            if let Some(text) = event.line().filter(|_| !known && !reading.is_text) {
                self.say(&text).await;
            }
            if let Some(overrun) = self.tally.take(&event) {
                self.overrun.get_or_insert(overrun);
                self.stop.cancel();
            }
        }
        for reply in reading.replies {
            if let Some(input) = &mut self.input
                && !send(input, &reply).await
            {
                let fault = AgentFault::new(FaultKind::Other, "it does not read what it asked for");
                self.tally.take(&AgentEvent::Error(fault));
                self.stop.cancel();
            }
        }
        if let Wire::Acp(conversation) = &self.wire
            && conversation.is_over()
            && self.input.take().is_some()
        {
            // The end of its input is its sign to end; one that does not heed it is stopped.
            let stop = self.stop.clone();
            tokio::spawn(async move {
                let _ = tokio::time::timeout(MOST_FAREWELL, stop.cancelled()).await;
                stop.cancel();
            });
        }
    }

    async fn stderr(&mut self, line: Line) {
        let Line::Text(line) = line else { return };
        let line = strip_ansi_escapes::strip_str(line);
        if line.trim().is_empty() {
            return;
        }
        self.say(&line).await;
        self.last_stderr.push_str(&line);
        self.last_stderr.push('\n');
        if self.last_stderr.len() > MOST_STDERR_BYTES {
            let from = self.last_stderr.ceil_char_boundary(self.last_stderr.len() - MOST_STDERR_BYTES);
            self.last_stderr.drain(..from);
        }
    }

    /// Adds to the task's log, as long as there is room for it.
    async fn say(&mut self, text: &str) {
        let bytes = format!("{text}\n").into_bytes();
        let Some(left) = self.log_left.checked_sub(bytes.len() as u64) else { return };
        self.log_left = left;
        // A log that nobody reads any more is not the agent's concern.
        let _ = self.log.send(OutputChunk { stream: Stream::Stdout, bytes }).await;
    }

    fn end(mut self, exit: &Exit, job: &Job<'_>) -> Go {
        let limited = matches!(exit.ended, Ended::TimedOut | Ended::MemoryExceeded);
        if self.tally.fault.is_none() && !self.tally.finished && exit.ended == Ended::Exited {
            self.tally.fault = broken_off(exit, &self.last_stderr);
        }
        let served = self.tally.finished && exit.ended == Ended::Cancelled && !job.cancel.is_cancelled();
        let ended = match self.overrun {
            Some(Overrun::Turns) => format!("was stopped after {} uses of its tools", job.allowance.turns),
            Some(Overrun::Cost) => "was stopped over its budget".to_owned(),
            Some(Overrun::Faults) => "was stopped, since it met nothing but trouble".to_owned(),
            None if served => "finished".to_owned(),
            None => launch::ended(exit),
        };
        // What a go that was stopped by its bounds has done counts like that of one which ended.
        let bounded = limited || matches!(self.overrun, Some(Overrun::Turns | Overrun::Cost));
        let report = AgentReport {
            ended,
            out_of_bounds: bounded,
            usage: self.tally.usage(),
            thread_id: self.tally.session.take(),
            fault: self.tally.fault.take().filter(|_| !bounded),
        };
        Go { report, began: self.tally.began, session_total: self.tally.session_total }
    }
}

/// The trouble of a program that told of no end and no error, where its standard error or its exit shows some.
fn broken_off(exit: &Exit, stderr: &str) -> Option<AgentFault> {
    let how = match exit.status {
        // Its words may be another version's; what it did is seen in the tree.
        ExitStatus::Code(0) => return None,
        ExitStatus::Code(_) | ExitStatus::Signal(_) => launch::ended(exit),
    };
    let told = AgentFault::told(stderr, None);
    let last = stderr.lines().last().unwrap_or_default();
    let message = if last.is_empty() { format!("it {how} before its end") } else { last.to_owned() };
    Some(AgentFault::new(told.kind, &message))
}
