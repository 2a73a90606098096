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
use super::walls;
use super::work::{Decides, MOST_LOG_BYTES, Work, marker};
use crate::brief::short_sha;
use crate::config::CiProvider;
use crate::db;
use crate::events::LogStream;
use crate::redactors::redacted_verdict;

/// What a check says of a commit.
pub(super) enum Checked {
    /// It passed; the words are for a person.
    Green(String),
    /// It failed.
    Red(Red),
    /// A person has to look.
    Stop(String),
}

/// A red that counts.
pub(super) struct Red {
    pub(super) report: RedReport,
    /// Another failure that the same commit showed before this one.
    pub(super) otherwise: Option<RedReport>,
    /// Who said so, and so can say how the base does.
    pub(super) by: Decides,
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
        (CiProvider::Auto | CiProvider::Command | CiProvider::GitHub, Some(command)) => {
            Provider::Command(CommandCi { command: command.clone(), limits })
        }
        (CiProvider::Auto | CiProvider::GitHub, None) | (CiProvider::Act, _) => {
            let (program, base) = (settings.act.clone().into(), work.prepared.base.branch.clone());
            Provider::Act(ActCi { program, branch, base, only: Vec::new(), limits })
        }
        (CiProvider::Command, None) | (CiProvider::None, _) => Provider::None,
    }
}

/// Checks the attempt's commit and records the verdict. A red may be by chance: before it counts, the same commit is
/// checked again.
pub(super) async fn check(run: &RunContext, work: &Work, number: u32, head: &str) -> Result<Checked, Halt> {
    let mut seen: Vec<RedReport> = Vec::new();
    let verdict = loop {
        match look(run, work, number, head, &seen).await? {
            Verdict::Red(report) if is_looked_at_again(work, &report, &seen) => seen.push(report),
            verdict => break verdict,
        }
    };
    Ok(match verdict {
        Verdict::Green { passed, .. } => Checked::Green(words_of_green(&passed, &seen)),
        Verdict::Red(report) => {
            let otherwise = other_failure(&report, &seen).cloned();
            Checked::Red(Red { report, otherwise, by: Decides::Here })
        }
        Verdict::CannotRun { reason } => Checked::Stop(format!("CI cannot run here: {reason}")),
        Verdict::NoCi if work.ampx.settings.ci.provider == CiProvider::None => {
            Checked::Green("no CI is wanted".to_owned())
        }
        Verdict::NoCi => Checked::Stop(
            "no CI: no command is configured and no workflow runs for it, so nobody can say that the change works"
                .to_owned(),
        ),
    })
}

/// One look at the attempt's commit, after those that were red.
async fn look(run: &RunContext, work: &Work, number: u32, head: &str, seen: &[RedReport]) -> Result<Verdict, Halt> {
    let (step, what) = match seen.len() {
        0 => (format!("check {number}"), format!("the check of attempt {number}")),
        again => (format!("rerun {number}.{again}"), format!("check {} of attempt {number}", again + 1)),
    };
    let (step, what) = (&step, &what);
    run.step(step, |scope| async move {
        enter(work, &scope, run.run_id(), number, step, what).await?;
        let began = Instant::now();
        let verdict = verdict(work, &scope, number, head, "check", seen.last()).await?;
        let waited = began.elapsed();
        let counts = !matches!(&verdict, Verdict::Red(report) if is_looked_at_again(work, report, seen));
        if counts && is_decided(work, &verdict) {
            record(work, number, &verdict, seen).await?;
        } else if counts {
            say_of_first(work, number, &verdict).await?;
        } else if let Verdict::Red(report) = &verdict {
            let line = format!("opsmith: red: {}; checking again before it counts", report.failing);
            log::say(&work.ampx, work.id, number, &line).await.map_err(halt)?;
        }
        measure::checked(&verdict, waited, counts && is_decided(work, &verdict));
        if !seen.is_empty() {
            measure::reran(&verdict);
        }
        Ok(verdict)
    })
    .await
}

/// Where GitHub decides, only a red counts before it.
fn is_decided(work: &Work, verdict: &Verdict) -> bool {
    work.prepared.decides == Decides::Here || matches!(verdict, Verdict::Red(_))
}

/// Logs what a check here says ahead of GitHub's.
async fn say_of_first(work: &Work, number: u32, verdict: &Verdict) -> Result<(), Halt> {
    let says = match verdict {
        Verdict::Green { passed, .. } => format!("green here: {passed}"),
        Verdict::CannotRun { reason } => format!("cannot be checked here: {reason}"),
        Verdict::NoCi => "nothing here checks it".to_owned(),
        Verdict::Red(report) => format!("red here: {}", report.failing),
    };
    let line = format!("opsmith: {says}; GitHub's CI decides");
    log::say(&work.ampx, work.id, number, &line).await.map_err(halt)
}

/// A check that hung would hang again, and take as long.
pub(super) fn is_looked_at_again(work: &Work, report: &RedReport, seen: &[RedReport]) -> bool {
    !report.timed_out && seen.len() < work.prepared.reruns as usize
}

pub(super) fn words_of_green(passed: &str, seen: &[RedReport]) -> String {
    match seen.first() {
        Some(red) => format!("{passed} when checked again (flaky: at first {})", red.failing),
        None => passed.to_owned(),
    }
}

pub(super) fn other_failure<'a>(report: &RedReport, seen: &'a [RedReport]) -> Option<&'a RedReport> {
    seen.iter().find(|red| red.fingerprint != report.fingerprint)
}

/// How the base does in the same check; told to the agent and in the summary, never a reason to stop. Since it decides
/// nothing, a red of it is not looked at again.
pub(super) async fn compare_with_base(
    run: &RunContext,
    work: &Work,
    number: u32,
    failure: &RedReport,
) -> Result<BaseState, Halt> {
    let step = &format!("base {number}");
    run.step(step, |scope| async move {
        enter(work, &scope, run.run_id(), number, step, "the check of the base").await?;
        let base = verdict(work, &scope, number, &work.prepared.base.sha, "base", None).await?;
        Ok(match base {
            Verdict::Green { .. } => BaseState::Passes,
            Verdict::Red(report) if report.fingerprint == failure.fingerprint => BaseState::FailsAlike,
            Verdict::Red(_) => BaseState::FailsOtherwise,
            Verdict::CannotRun { .. } | Verdict::NoCi => BaseState::Unknown,
        })
    })
    .await
}

/// Asks the provider; after a `red`, for what of it was not green.
async fn verdict(
    work: &Work,
    scope: &StepScope,
    number: u32,
    sha: &str,
    what: &str,
    red: Option<&RedReport>,
) -> Result<Verdict, Halt> {
    let (ampx, id, repo) = (&work.ampx, work.id, work.repo().await?);
    let scratch = ampx.work_root.join(id.to_string()).join(format!("{what}-{number}"));
    let checked = if what == "base" { "the base" } else { "commit" };
    let again = if red.is_some() { " again" } else { "" };
    let says = format!("opsmith: checking {checked} {}{again}", short_sha(sha));
    log::say(ampx, id, number, &says).await.map_err(halt)?;
    let sandbox = walls::around_check(work)?;
    let (log, writer) = log::sink(ampx, id, number, LogStream::Ci);
    let token = scope.token();
    let job = CiJob {
        sandbox: &sandbox,
        git: &ampx.git,
        git_dir: repo.git_dir(),
        sha,
        scratch_dir: &scratch,
        marker: marker(id, &format!("{what}-{number}")).map_err(halt)?,
        log,
        cancel: &token,
    };
    let provider = provider(work, work.task().await?.branch);
    let provider = match red {
        Some(red) => provider.again(red),
        None => provider,
    };
    let verdict = provider.check(job).await;
    let _ = writer.await;
    let redactor = ampx.redactor(id).await;
    let verdict = verdict.map(|verdict| redacted_verdict(verdict, &redactor));
    redactor.keep().await;
    if token.is_cancelled() {
        return Err(scope.stopped());
    }
    if what == "check" && !matches!(verdict, Ok(Verdict::NoCi)) {
        walls::record_checks(work, number, &sandbox).await?;
    }
    verdict.map_err(|error| Halt::failed(&error))
}

/// Records the verdict that counts, after those that were `seen` before.
pub(super) async fn record(work: &Work, number: u32, verdict: &Verdict, seen: &[RedReport]) -> Result<(), Halt> {
    let (word, summary) = match verdict {
        Verdict::Green { passed, .. } => ("green", words_of_green(passed, seen)),
        Verdict::Red(report) => match other_failure(report, seen) {
            Some(_) => ("red", format!("{}, and otherwise before, so it may be flaky", report.failing)),
            None => ("red", report.failing.clone()),
        },
        Verdict::CannotRun { reason } => ("cannot_run", reason.clone()),
        Verdict::NoCi => ("none", "no CI".to_owned()),
    };
    let line = format!("opsmith: {word}: {summary}");
    log::say(&work.ampx, work.id, number, &line).await.map_err(halt)?;
    let write = work.ampx.store.write().await?;
    let now = work.ampx.now();
    let failure = match verdict {
        Verdict::Red(report) => Some(report),
        // What is flaky is worth knowing.
        Verdict::Green { .. } | Verdict::CannotRun { .. } | Verdict::NoCi => seen.last(),
    };
    db::attempts::change(&write, work.id, number, |attempt| {
        attempt.ci_verdict = Some(word.to_owned());
        attempt.flaky = word == "green" && !seen.is_empty();
        attempt.summary = Some(format!("{word}: {summary}"));
        attempt.finished_at = Some(now);
        if let Some(report) = failure {
            attempt.log_excerpt = Some(report.excerpt.clone());
            attempt.fingerprint = Some(report.fingerprint.clone());
        }
    })
    .await?;
    Ok(write.commit().await?)
}
