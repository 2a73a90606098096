//! The CI that GitHub has for a pushed commit: Actions, check runs and statuses of others.

use std::time::Duration;

use opsmith_forge::ci::{RedReport, Verdict};
use opsmith_forge::github::{Awaited, CiWait, CommitCi, GitHubError, GitHubRepo, RerunRequest};
use opsmith_runs::{Halt, RunContext};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::check::{Checked, Red, is_looked_at_again, other_failure, record, words_of_green};
use super::effects::{did, effect, may};
use super::enter::enter;
use super::halt::halt;
use super::prompt::BaseState;
use super::work::{Work, change, unless_stopped};
use super::{log, measure};
use crate::AmpxError;
use crate::brief::short_sha;
use crate::effects::RERUN_CI;
use crate::redactors::redacted_verdict;

/// What the journal keeps of a wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Looked {
    /// CI has come to a verdict.
    Decided(Decided),
    /// The branch is no longer at the commit; the words for a person.
    Moved(String),
}

/// A verdict, and where it is to be seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Decided {
    verdict: Verdict,
    run_id: Option<u64>,
    url: Option<String>,
}

/// Waits for the verdict on a pushed commit and records it. A red may be by chance: before it counts, its failed jobs
/// run again, where it is GitHub Actions that has them.
pub(super) async fn check(run: &RunContext, work: &Work, number: u32, head: &str) -> Result<Checked, Halt> {
    let (mut seen, mut reruns): (Vec<RedReport>, Vec<RerunRequest>) = (Vec::new(), Vec::new());
    let decided = loop {
        let decided = match look(run, work, number, head, &seen, &reruns).await? {
            Looked::Moved(how) => return Ok(Checked::Stop(how)),
            Looked::Decided(decided) => decided,
        };
        let Verdict::Red(report) = &decided.verdict else { break decided };
        if !is_looked_at_again(work, report, &seen) {
            break decided;
        }
        let name = format!("{number}.{}", seen.len() + 1);
        reruns = failed_runs(run, work, head, &name).await?;
        if reruns.is_empty() || !rerun(run, work, number, &reruns, &name).await? {
            break decided;
        }
        seen.push(report.clone());
    };
    settle(run, work, number, &decided, &seen).await?;
    Ok(match decided.verdict {
        Verdict::Green { passed, .. } => Checked::Green(words_of_green(&passed, &seen)),
        Verdict::Red(report) => {
            let otherwise = other_failure(&report, &seen).cloned();
            Checked::Red(Red { report, otherwise, by: work.prepared.decides })
        }
        Verdict::CannotRun { reason } => Checked::Stop(format!("GitHub's CI came to no verdict: {reason}")),
        Verdict::NoCi => Checked::Stop(format!(
            "no CI: nobody has reported on the commit within {} s, so nobody can say that the change works; workflows \
             have to run on a push to `amp/**`",
            work.ampx.settings.ci.grace_s
        )),
    })
}

/// How the base does, as far as GitHub has been told; told to the agent and in the summary, never a reason to stop.
pub(super) async fn compare_with_base(
    run: &RunContext,
    work: &Work,
    number: u32,
    failure: &RedReport,
) -> Result<BaseState, Halt> {
    run.step(&format!("base {number}"), |scope| async move {
        let looked = unless_stopped(&scope, state_of_base(work, failure)).await?;
        Ok(looked.unwrap_or_else(|error| {
            tracing::info!(task.id = %work.id, %error, "how the base does is not known");
            BaseState::Unknown
        }))
    })
    .await
}

async fn state_of_base(work: &Work, failure: &RedReport) -> Result<BaseState, AmpxError> {
    let repository = repository(work).await?;
    let ci = repository.ci_of(&work.prepared.base.sha).await?;
    Ok(match ci {
        CommitCi::Green { .. } => BaseState::Passes,
        CommitCi::Red { failed } => match repository.red_report(&failed).await? {
            report if report.fingerprint == failure.fingerprint => BaseState::FailsAlike,
            _ => BaseState::FailsOtherwise,
        },
        CommitCi::Silent | CommitCi::Pending { .. } | CommitCi::Undecided { .. } => BaseState::Unknown,
    })
}

/// One wait for the verdict, after those that were red.
async fn look(
    run: &RunContext,
    work: &Work,
    number: u32,
    head: &str,
    seen: &[RedReport],
    reruns: &[RerunRequest],
) -> Result<Looked, Halt> {
    let (run_id, ampx, id) = (run.run_id(), &work.ampx, work.id);
    let (step, what) = match seen.len() {
        0 => (format!("await {number}"), format!("the wait for GitHub's CI of attempt {number}")),
        again => (format!("await {number}.{again}"), format!("wait {} for GitHub's CI", again + 1)),
    };
    let (step, what) = (&step, &what);
    run.step(step, |scope| async move {
        enter(work, &scope, run_id, number, step, what).await?;
        let task = change(ampx, &scope, id, run_id, |task| {
            task.summary = format!("attempt {number}: waiting for GitHub's CI of {}", short_sha(head));
            Ok(())
        })
        .await?;
        let line = format!("opsmith: waiting for GitHub's CI of {}", short_sha(head));
        log::say(ampx, id, number, &line).await.map_err(halt)?;
        let repository = repository(work).await.map_err(halt)?;
        let wake = ampx.wakes.of_commit(repository.target(), &task.branch, head);
        let began = Instant::now();
        let commit = Awaited { branch: &task.branch, sha: head, reruns };
        let outcome = unless_stopped(&scope, repository.await_verdict(commit, patience(work), &wake)).await?;
        let outcome = match outcome {
            Err(GitHubError::HeadMoved { branch, seen: None, .. }) => {
                return Ok(Looked::Moved(format!(
                    "branch `{branch}` was deleted by someone else while CI was awaited"
                )));
            }
            Err(GitHubError::HeadMoved { branch, .. }) => {
                return Ok(Looked::Moved(format!("branch `{branch}` was moved by someone else while CI was awaited")));
            }
            outcome => outcome.map_err(halt)?,
        };
        let redactor = ampx.redactor(id).await;
        let verdict = redacted_verdict(outcome.verdict, &redactor);
        redactor.keep().await;
        measure::checked(&verdict, began.elapsed(), false);
        if !seen.is_empty() {
            measure::reran(&verdict);
        }
        Ok(Looked::Decided(Decided { verdict, run_id: outcome.run_id, url: outcome.url }))
    })
    .await
}

/// The runs of workflows whose failed jobs can run again; fixed before they do.
async fn failed_runs(run: &RunContext, work: &Work, head: &str, name: &str) -> Result<Vec<RerunRequest>, Halt> {
    run.step(&format!("failed runs {name}"), |scope| async move {
        let repository = repository(work).await.map_err(halt)?;
        let branch = work.task().await?.branch;
        let wake = work.ampx.wakes.of_commit(repository.target(), &branch, head);
        let found = repository.await_failed_runs(head, patience(work), &wake);
        unless_stopped(&scope, found).await?.map_err(halt)
    })
    .await
}

/// Has failed jobs run again; false where that may not be, or GitHub does not do it: then the red counts.
async fn rerun(
    run: &RunContext,
    work: &Work,
    number: u32,
    requests: &[RerunRequest],
    name: &str,
) -> Result<bool, Halt> {
    let (ampx, id) = (&work.ampx, work.id);
    run.step(&format!("rerun ci {name}"), |scope| async move {
        let repository = repository(work).await.map_err(halt)?;
        for request in requests {
            let summary = format!("run the failed jobs of workflow run {} again", request.run_id);
            let wanted = effect(RERUN_CI, repository.target(), summary, request.parameters());
            let why = match may(run, &scope, ampx, wanted, &format!("rerun {name} {}", request.run_id)).await? {
                Err(why) => why,
                Ok(permit) => match unless_stopped(&scope, repository.rerun_failed_jobs(&permit, request)).await? {
                    Ok(done) => {
                        did(&scope, ampx, &permit, &json!(format!("{done:?}"))).await?;
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
            };
            let line = format!("opsmith: failed jobs do not run again: {why}");
            log::say(ampx, id, number, &line).await.map_err(halt)?;
            return Ok(false);
        }
        log::say(ampx, id, number, "opsmith: red; the failed jobs run again before it counts").await.map_err(halt)?;
        Ok(true)
    })
    .await
}

/// Records the verdict that counts, with the attempt and with the task.
async fn settle(run: &RunContext, work: &Work, number: u32, decided: &Decided, seen: &[RedReport]) -> Result<(), Halt> {
    let (run_id, ampx, id) = (run.run_id(), &work.ampx, work.id);
    run.step(&format!("verdict {number}"), |scope| async move {
        record(work, number, &decided.verdict, seen).await?;
        change(ampx, &scope, id, run_id, |task| {
            task.ci_run_id = decided.run_id.map(|id| id.to_string());
            task.ci_url.clone_from(&decided.url);
            Ok(())
        })
        .await?;
        measure::decided(&decided.verdict);
        Ok(())
    })
    .await
}

async fn repository(work: &Work) -> Result<GitHubRepo, AmpxError> {
    let task = work.ampx.task(work.id).await?;
    work.ampx.on_github(&work.ampx.url_of(&task)?)
}

fn patience(work: &Work) -> CiWait {
    let settings = &work.ampx.settings;
    CiWait {
        poll_interval: Duration::from_secs(settings.poll_interval_s.max(1)),
        grace: Duration::from_secs(settings.ci.grace_s),
        longest: Duration::from_secs(settings.ci.timeout_s),
    }
}
