use std::path::Path;
use std::sync::LazyLock;

use opsmith_sandbox::{CommandSpec, Ended, Exit, ExitStatus, Limits, SandboxError};
use regex::Regex;
use tokio::sync::mpsc;

use super::output::pass_on;
use super::place::Place;
use crate::ci::{CiError, CiJob, RedReport, TailBuffer, Verdict};

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
        place.remove().await;
        verdict
    }

    async fn check_at(&self, place: &Place, job: CiJob<'_>) -> Result<Verdict, CiError> {
        let checkout = place.check_out(&job).await?;
        let spec = CommandSpec {
            program: "sh".into(),
            // One stream, so that what failed stays beside what it said.
            args: vec!["-c".into(), format!("exec 2>&1\n{}", self.command).into()],
            cwd: checkout,
            env: place.environment(),
            stdin: Vec::new(),
            // The sandbox would keep the beginning alone, and what failed is told at the end.
            limits: Limits { output_bytes: u64::MAX, ..self.limits.clone() },
            marker: job.marker.clone(),
        };
        let (sender, receiver) = mpsc::channel(16);
        let sandbox = place.sandbox(&job);
        let (exit, tail) = tokio::join!(
            sandbox.run(spec, sender, job.cancel),
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
            (Ended::TimedOut, _) => {
                let failing = format!("{name} timed out after {} s", self.limits.wall.as_secs());
                return Ok(Verdict::Red(RedReport { timed_out: true, ..RedReport::new(failing, log.as_bytes()) }));
            }
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
