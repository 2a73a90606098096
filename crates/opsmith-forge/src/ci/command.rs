use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use opsmith_sandbox::{CommandSpec, Ended, Exit, ExitStatus, Limits, OutputChunk, SandboxError, Stream};
use regex::Regex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ci::{CiError, CiJob, RedReport, TailBuffer, Verdict};
use crate::git::{checkout_fresh, erase};

/// How much of the log's end is kept for the report: enough for an excerpt, however coloured.
const TAIL_BYTES: usize = 64 * 1024;

/// How long a log that is not received any more holds the command up.
const LOG_PATIENCE: Duration = Duration::from_secs(30);

/// What shells and `env` say of a program that is not there; the program is the first group.
static MISSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?m)([^\s:'"`‘’]+)['"`’]?: (?:command not found|not found|No such file or directory|(?:\S+: )?bad interpreter|cannot execute|Exec format error)"#,
    )
    .ok()
});

/// A command line that is green when it exits with 0.
#[derive(Clone, Debug)]
pub struct CommandCi {
    /// For `sh -c`, in the root of the checkout. It comes from the configuration, never from a task.
    pub command: String,
    /// The bounds; of the output, the beginning up to the bound and the end are passed on.
    pub limits: Limits,
}

impl CommandCi {
    /// Checks a commit: in a fresh checkout, with an empty `HOME`, `CI=true` and no credentials.
    pub async fn check(&self, job: CiJob<'_>) -> Result<Verdict, CiError> {
        job.sandbox.reap(&job.marker).await.map_err(CiError::Sandbox)?;
        let place = Place::make(job.scratch_dir).await?;
        let verdict = self.check_at(&place, job).await;
        if let Err(error) = erase(place.root.clone()).await {
            // The verdict stands; the next check at this place, or the task's end, tries again.
            tracing::warn!(error = &error as &dyn std::error::Error, "CI folder not removed");
        }
        verdict
    }

    async fn check_at(&self, place: &Place, job: CiJob<'_>) -> Result<Verdict, CiError> {
        let checkout = place.checkout();
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => return Err(CiError::Cancelled),
            done = checkout_fresh(job.git, job.git_dir, job.sha, &checkout) => {
                done.map_err(|source| CiError::Checkout { sha: job.sha.to_owned(), source })?;
            }
        }
        let spec = CommandSpec {
            program: "sh".into(),
            // One stream, so that what failed stays beside what it said.
            args: vec!["-c".into(), format!("exec 2>&1\n{}", self.command).into()],
            cwd: checkout,
            env: place.environment(),
            stdin: Vec::new(),
            // The sandbox would keep the beginning alone, and what failed is told at the end.
            limits: Limits { output_bytes: u64::MAX, ..self.limits.clone() },
            marker: job.marker,
        };
        let (sender, receiver) = mpsc::channel(16);
        let (exit, tail) = tokio::join!(
            job.sandbox.run(spec, sender, job.cancel),
            pass_on(receiver, job.log, self.limits.output_bytes, job.cancel)
        );
        match exit {
            Ok(exit) => self.judge(&exit, tail, place),
            Err(SandboxError::ProgramNotFound { program }) => {
                Ok(Verdict::CannotRun { reason: format!("`{}` is not installed", program.display()) })
            }
            Err(error) => Err(CiError::Sandbox(error)),
        }
    }

    fn judge(&self, exit: &Exit, tail: TailBuffer, place: &Place) -> Result<Verdict, CiError> {
        let (name, log) = (self.name(), place.without_paths(&tail.into_bytes()));
        let failing = match (exit.ended, exit.status) {
            (Ended::Cancelled, _) => return Err(CiError::Cancelled),
            (Ended::TimedOut, _) => format!("{name} timed out after {} s", self.limits.wall.as_secs()),
            (Ended::MemoryExceeded, _) => {
                format!("{name} was killed over {} MiB of memory", self.limits.memory_mib.unwrap_or_default())
            }
            (Ended::Exited, ExitStatus::Code(0)) => {
                let took_ms = u64::try_from(exit.wall.as_millis()).unwrap_or(u64::MAX);
                return Ok(Verdict::Green { passed: format!("{name} passed"), took_ms });
            }
            (Ended::Exited, ExitStatus::Code(code)) => {
                if let (126 | 127, Some(reason)) = (code, missing(&log, &place.checkout())) {
                    return Ok(Verdict::CannotRun { reason });
                }
                format!("{name} exited with {code}")
            }
            (Ended::Exited, ExitStatus::Signal(signal)) => format!("{name} was ended by signal {signal}"),
        };
        Ok(Verdict::Red(RedReport::new(failing, log.as_bytes())))
    }

    /// The command as messages name it.
    fn name(&self) -> String {
        let line = self.command.trim().lines().next().unwrap_or_default();
        let short: String = line.chars().take(80).collect();
        let more = if short.len() < self.command.trim().len() { "…" } else { "" };
        format!("`{short}{more}`")
    }
}

/// The folders of one check.
struct Place {
    root: PathBuf,
}

impl Place {
    async fn make(folder: &Path) -> Result<Self, CiError> {
        let failed = |source| CiError::Folder { folder: folder.to_owned(), source };
        erase(folder.to_owned()).await.map_err(|error| failed(io::Error::other(error)))?;
        for part in ["checkout", "home", "tmp"] {
            fs::create_dir_all(folder.join(part)).map_err(failed)?;
        }
        Ok(Self { root: folder.canonicalize().map_err(failed)? })
    }

    fn checkout(&self) -> PathBuf {
        self.root.join("checkout")
    }

    fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> =
            [("CI", "true"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]
                .map(|(name, value)| (name.into(), value.into()))
                .into();
        env.insert("HOME".into(), self.root.join("home").into());
        env.insert("TMPDIR".into(), self.root.join("tmp").into());
        env
    }

    /// The log as it would read at any other place: the reader's checkout is elsewhere, and so is the next one's.
    fn without_paths(&self, log: &[u8]) -> String {
        let root = self.root.display();
        String::from_utf8_lossy(log)
            .replace(&format!("{root}/checkout/"), "")
            .replace(&format!("{root}/checkout"), ".")
            .replace(&format!("{root}/home"), "~")
            .replace(&format!("{root}/tmp"), "/tmp")
    }
}

/// Why a command that exited with 126 or 127 says nothing of the commit; `None` where it does: a file of the
/// repository's own that is not there any more is the commit's doing.
fn missing(log: &str, checkout: &Path) -> Option<String> {
    let found = MISSING.as_ref()?.captures_iter(log).last()?;
    let program = &found[1];
    let of_the_repository = program.contains('/') && !program.starts_with('/');
    match (of_the_repository, checkout.join(program).exists()) {
        (true, false) => None,
        (true, true) => Some(format!("`{program}` cannot be executed here: is its interpreter installed?")),
        (false, _) => Some(format!("`{program}` is not installed")),
    }
}

/// Hands the output on to the log: its beginning, up to `limit` bytes, and after the end what is kept of the end.
async fn pass_on(
    mut output: mpsc::Receiver<OutputChunk>,
    log: mpsc::Sender<OutputChunk>,
    limit: u64,
    cancel: &CancellationToken,
) -> TailBuffer {
    let send = async |bytes: Vec<u8>| {
        let sent = tokio::time::timeout(LOG_PATIENCE, log.send(OutputChunk { stream: Stream::Stdout, bytes }));
        tokio::select! { biased; sent = sent => matches!(sent, Ok(Ok(()))), () = cancel.cancelled() => false }
    };
    let (mut tail, mut surplus) = (TailBuffer::new(TAIL_BYTES), TailBuffer::new(TAIL_BYTES));
    let (mut left, mut surplus_bytes, mut heard) = (limit, 0, true);
    while let Some(mut chunk) = output.recv().await {
        tail.push(&chunk.bytes);
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.bytes.len());
        surplus.push(&chunk.bytes[fits..]);
        surplus_bytes += (chunk.bytes.len() - fits) as u64;
        left -= fits as u64;
        chunk.bytes.truncate(fits);
        if heard && !chunk.bytes.is_empty() {
            heard = send(chunk.bytes).await;
        }
    }
    let end = surplus.into_bytes();
    let left_out = surplus_bytes - end.len() as u64;
    if heard && left_out > 0 {
        heard = send(format!("\n[{left_out} bytes left out]\n").into_bytes()).await;
    }
    if heard && !end.is_empty() {
        send(end).await;
    }
    tail
}
