use std::time::Duration;

use opsmith_forge::ci::{ActCi, CiJob, CommandCi, Provider, RedReport, Verdict};
use opsmith_runs::{Halt, RunContext, StepScope};
use opsmith_sandbox::Limits;
use tokio::time::Instant;

use super::enter::enter;
use super::halt::halt;
use super::log;
use super::measure;
use super::prompt::BaseState;
use super::work::{MOST_LOG_BYTES, Work, marker};
use crate::config::CiProvider;
use crate::db;
use crate::events::LogStream;

/// What a check says of a commit.
pub(super) enum Checked {
    /// It passed; the words are for a person.
    Green(String),
    /// It failed.
    Red(RedReport),
    /// A person has to look.
    Stop(String),
}

/// Who says whether the commit is green: a command where one is set, since somebody chose it, before the workflows.
fn provider(work: &Work, branch: String) -> Provider {
    let settings = &work.ampx.settings.ci;
    let limits = Limits {
        wall: Duration::from_secs(settings.timeout_s),
        memory_mib: Some(work.ampx.settings.agent_memory_mib),
        output_bytes: MOST_LOG_BYTES,
        ..Limits::default()
    };
    match (settings.provider, &work.prepared.ci_command) {
        (CiProvider::Auto | CiProvider::Command, Some(command)) => {
            Provider::Command(CommandCi { command: command.clone(), limits })
        }
        (CiProvider::Auto, None) | (CiProvider::Act, _) => {
            let (program, base) = (settings.act.clone().into(), work.prepared.base.branch.clone());
            Provider::Act(ActCi { program, branch, base, limits })
        }
        (CiProvider::Command, None) | (CiProvider::None, _) => Provider::None,
    }
}

/// Checks the attempt's commit and records the verdict.
pub(super) async fn check(run: &RunContext, work: &Work, number: u32, head: &str) -> Result<Checked, Halt> {
    let step = &format!("check {number}");
    let verdict = run
        .step(step, |scope| async move {
            enter(work, &scope, run.run_id(), number, step, &format!("the check of attempt {number}")).await?;
            let began = Instant::now();
            let verdict = verdict(work, &scope, number, head, "check").await?;
            let waited = began.elapsed();
            record(work, number, &verdict).await?;
            measure::checked(&verdict, waited);
            Ok(verdict)
        })
        .await?;
    Ok(match verdict {
        Verdict::Green { passed, .. } => Checked::Green(passed),
        Verdict::Red(report) => Checked::Red(report),
        Verdict::CannotRun { reason } => Checked::Stop(format!("CI cannot run here: {reason}")),
        Verdict::NoCi if work.ampx.settings.ci.provider == CiProvider::None => {
            Checked::Green("no CI is wanted".to_owned())
        }
        Verdict::NoCi => Checked::Stop(
            "no command is configured and no workflow runs for it, so nobody can say that the change works".to_owned(),
        ),
    })
}

/// How the base does in the same check; told to the agent and in the summary, never a reason to stop.
pub(super) async fn compare_with_base(
    run: &RunContext,
    work: &Work,
    number: u32,
    failure: &RedReport,
) -> Result<BaseState, Halt> {
    let step = &format!("base {number}");
    run.step(step, |scope| async move {
        enter(work, &scope, run.run_id(), number, step, "the check of the base").await?;
        let base = verdict(work, &scope, number, &work.prepared.base.sha, "base").await?;
        Ok(match base {
            Verdict::Green { .. } => BaseState::Passes,
            Verdict::Red(report) if report.fingerprint == failure.fingerprint => BaseState::FailsAlike,
            Verdict::Red(_) => BaseState::FailsOtherwise,
            Verdict::CannotRun { .. } | Verdict::NoCi => BaseState::Unknown,
        })
    })
    .await
}

async fn verdict(work: &Work, scope: &StepScope, number: u32, sha: &str, what: &str) -> Result<Verdict, Halt> {
    let (ampx, id, repo) = (&work.ampx, work.id, work.repo().await?);
    let scratch = ampx.work_root.join(id.to_string()).join(format!("{what}-{number}"));
    let checked = if what == "base" { "the base" } else { "commit" };
    let says = format!("opsmith: checking {checked} {}", &sha[..12.min(sha.len())]);
    log::say(ampx, id, number, &says).await.map_err(halt)?;
    let (log, writer) = log::sink(ampx, id, number, LogStream::Ci);
    let token = scope.token();
    let job = CiJob {
        sandbox: &ampx.sandbox,
        git: &ampx.git,
        git_dir: repo.git_dir(),
        sha,
        scratch_dir: &scratch,
        marker: marker(id, &format!("{what}-{number}")).map_err(halt)?,
        log,
        cancel: &token,
    };
    let verdict = provider(work, work.task().await?.branch).check(job).await;
    let _ = writer.await;
    if token.is_cancelled() {
        return Err(scope.stopped());
    }
    verdict.map_err(|error| Halt::failed(&error))
}

async fn record(work: &Work, number: u32, verdict: &Verdict) -> Result<(), Halt> {
    let (word, summary) = match verdict {
        Verdict::Green { passed, .. } => ("green", passed.clone()),
        Verdict::Red(report) => ("red", report.failing.clone()),
        Verdict::CannotRun { reason } => ("cannot_run", reason.clone()),
        Verdict::NoCi => ("none", "no CI".to_owned()),
    };
    let line = format!("opsmith: {word}: {summary}");
    log::say(&work.ampx, work.id, number, &line).await.map_err(halt)?;
    let write = work.ampx.store.write().await?;
    let now = work.ampx.now();
    db::attempts::change(&write, work.id, number, |attempt| {
        attempt.ci_verdict = Some(word.to_owned());
        attempt.summary = Some(format!("{word}: {summary}"));
        attempt.finished_at = Some(now);
        if let Verdict::Red(report) = verdict {
            attempt.log_excerpt = Some(report.excerpt.clone());
            attempt.fingerprint = Some(report.fingerprint.clone());
        }
    })
    .await?;
    Ok(write.commit().await?)
}
