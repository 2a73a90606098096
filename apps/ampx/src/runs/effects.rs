//! What a task changes outside: its branch and its pull request, each under a permit.

use opsmith_forge::forge::ForgesError;
use opsmith_forge::git::{GitError, PushRequest, diff, push as push_branch};
use opsmith_forge::github::GitHubError;
use opsmith_forge::local::OpenRequest;
use opsmith_guard::{AuditOutcome, Permit, Refusal};
use opsmith_model::{Effect, EffectKind, Operation, Plan, RunId, Target, TaskId};
use opsmith_runs::{Halt, RunContext, StepScope};
use opsmith_store::Write;
use serde_json::{Value, json};

use super::halt::halt;
use super::work::{End, Work, remote, unless_stopped};
use super::{log, prompt, review};
use crate::brief::short_sha;
use crate::effects::{OPEN_PULL_REQUEST, PUSH};
use crate::task::{Task, TaskStatus};
use crate::{Ampx, db};

/// Where the diff behind a pull request's figures is cut.
const MOST_DIFF_BYTES: usize = 1024 * 1024;

/// What a gate or a forge that does not let us on means for the task.
enum Stopped {
    End(End),
    Halt(Halt),
}

fn refused(refusal: Refusal) -> Stopped {
    match refusal {
        Refusal::Denied { .. } => Stopped::End(End::Review(refusal.to_string())),
        Refusal::ConfirmationRequired(asked) => Stopped::End(End::Review(format!(
            "waiting for a yes to `{}`: `opsmith confirm yes {}`, then `ampx accept`",
            asked.plan.operation.kind, asked.id
        ))),
        Refusal::Guard(error) => Stopped::Halt(halt(error)),
    }
}

/// The permit of one effect of this task's run.
async fn permit(ampx: &Ampx, run: &RunContext, effect: Effect, key: &str) -> Result<Permit, Stopped> {
    let plan = Plan {
        operation: Operation {
            kind: effect.kind.as_str().to_owned(),
            target: effect.target.clone(),
            principal: run.requested_by().clone(),
            key: format!("{}:{key}", run.run_id()),
        },
        effects: vec![effect],
    };
    let mut permits = ampx.guard.authorize(&plan).await.map_err(refused)?;
    let missing = || Stopped::Halt(Halt::Interrupted("the gate gave no permit".to_owned()));
    permits.pop().ok_or_else(missing)
}

/// The permit of an effect that the task does without where it may not be; else the words for why not.
pub(super) async fn may(
    run: &RunContext,
    scope: &StepScope,
    ampx: &Ampx,
    effect: Effect,
    key: &str,
) -> Result<Result<Permit, String>, Halt> {
    match permit(ampx, run, effect, key).await {
        Ok(permit) => scope.check_lease().await.map(|()| Ok(permit)),
        Err(Stopped::End(End::Review(why) | End::Error(why) | End::Success(why) | End::Aborted(why))) => Ok(Err(why)),
        Err(Stopped::Halt(halt)) => Err(halt),
    }
}

/// Records such an effect.
pub(super) async fn did(scope: &StepScope, ampx: &Ampx, permit: &Permit, detail: &Value) -> Result<(), Halt> {
    let write = ampx.store.write().await?;
    scope.hold(&write).await?;
    ampx.guard.record_effect(&write, permit, AuditOutcome::Done, detail).await.map_err(halt)?;
    Ok(write.commit().await?)
}

pub(super) fn effect(kind: EffectKind, target: Target, summary: String, parameters: Value) -> Effect {
    Effect { kind, target, summary, parameters }
}

/// Pushes the attempt's commit; an end where a person has to look.
pub(super) async fn push(run: &RunContext, work: &mut Work, number: u32, head: &str) -> Result<Option<End>, Halt> {
    let end = push_once(run, work, number, head).await?;
    if end.is_none() {
        work.pushed = Some(head.to_owned());
    }
    Ok(end)
}

async fn push_once(run: &RunContext, work: &Work, number: u32, head: &str) -> Result<Option<End>, Halt> {
    let (run_id, ampx, id) = (run.run_id(), &work.ampx, work.id);
    run.step(&format!("push {number}"), |scope| async move {
        // What is pushed has to be in the cache.
        work.repo().await?;
        let (task, repo) = (work.task().await?, unless_stopped(&scope, remote(ampx, id)).await??);
        let request = PushRequest { branch: task.branch.clone(), sha: head.to_owned(), expected: work.pushed.clone() };
        let summary = format!("push {} to branch {}", short_sha(head), task.branch);
        let wanted = effect(PUSH, repo.url().target(), summary, request.parameters());
        let permit = match permit(ampx, run, wanted, &format!("push {number}")).await {
            Ok(permit) => permit,
            Err(Stopped::End(end)) => return Ok(Some(end)),
            Err(Stopped::Halt(halt)) => return Err(halt),
        };
        scope.check_lease().await?;
        let pushed = match push_branch(&permit, &repo, &request).await {
            Err(GitError::LeaseLost { branch, .. }) => {
                let reason = format!("branch `{branch}` was moved by someone else, so nothing was pushed");
                return Ok(Some(End::Review(reason)));
            }
            other => other.map_err(|error| halt(ampx.of_remote(repo.url(), error)))?,
        };
        let page = ampx.on_github(repo.url()).ok().map(|repository| repository.branch_page(&task.branch));
        let write = ampx.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        scope.hold(&write).await?;
        let recorded =
            ampx.guard.record_effect(&write, &permit, AuditOutcome::Done, &json!(format!("{pushed:?}"))).await;
        recorded.map_err(halt)?;
        db::attempts::change(&write, id, number, |attempt| attempt.pushed = Some(true)).await?;
        let done = change_if_wanted(ampx, &write, id, run_id, |task| {
            task.pushed_sha = Some(head.to_owned());
            task.branch_url = page;
            task.summary = format!("attempt {number}: pushed");
        })
        .await?;
        write.commit().await?;
        done?;
        let line = format!("opsmith: pushed {} to {}", short_sha(head), task.branch);
        log::say(ampx, id, number, &line).await.map_err(halt)?;
        Ok(None)
    })
    .await
}

/// Changes the task after an effect. Of one that was given up meanwhile nothing is changed, and the inner answer
/// cancels the run; the effect has happened, so what `write` records of it is committed first.
async fn change_if_wanted(
    ampx: &Ampx,
    write: &Write,
    id: TaskId,
    run_id: RunId,
    change: impl FnOnce(&mut Task) + Send,
) -> Result<Result<(), Halt>, Halt> {
    let task = crate::db::tasks::of_run(write, id, run_id).await?;
    let Some(mut task) = task.filter(|task| task.status != TaskStatus::Aborted) else {
        return Ok(Err(Halt::Cancelled));
    };
    change(&mut task);
    ampx.save(write, &mut task).await.map_err(halt)?;
    Ok(Ok(()))
}

/// Opens the pull request of the green commit, and has it reviewed and labelled where the forge can.
pub(super) async fn open_pull_request(run: &RunContext, work: &Work, head: &str, passed: &str) -> Result<End, Halt> {
    let end = open(run, work, head, passed).await?;
    let End::Success(summary) = end else { return Ok(end) };
    if !work.prepared.on_github {
        return Ok(End::Success(summary));
    }
    let told = [review::ask(run, work, head).await?, review::label(run, work).await?];
    let told: String = told.into_iter().flatten().map(|told| format!("; {told}")).collect();
    Ok(End::Success(format!("{summary}{told}")))
}

async fn open(run: &RunContext, work: &Work, head: &str, passed: &str) -> Result<End, Halt> {
    let (run_id, ampx, id) = (run.run_id(), &work.ampx, work.id);
    run.step("pull request", |scope| async move {
        let repo = work.repo().await?;
        let detail = ampx.detail(id).await.map_err(halt)?;
        let base = &work.prepared.base;
        let change_made = diff(&ampx.git, repo.git_dir(), &base.sha, head, MOST_DIFF_BYTES).await;
        let change_made = change_made.map_err(halt)?;
        let request = OpenRequest {
            head: detail.task.branch.clone(),
            base: base.branch.clone(),
            head_sha: head.to_owned(),
            title: prompt::title(&detail.task),
            body: prompt::pull_request(&detail.task, &detail.attempts, &change_made, passed),
        };
        let summary = format!("open a pull request from {} into {}", request.head, request.base);
        let wanted = effect(OPEN_PULL_REQUEST, repo.url().target(), summary, request.parameters());
        let permit = match permit(ampx, run, wanted, "pull request").await {
            Ok(permit) => permit,
            Err(Stopped::End(end)) => return Ok(end),
            Err(Stopped::Halt(halt)) => return Err(halt),
        };
        scope.check_lease().await?;
        let opened = match unless_stopped(&scope, ampx.forge.open(&permit, repo.url(), &request)).await? {
            Err(ForgesError::GitHub(error @ (GitHubError::HeadMoved { .. } | GitHubError::BaseGone { .. }))) => {
                return Ok(End::Review(format!("no pull request was opened: {error}, by someone else")));
            }
            opened => opened.map_err(halt)?,
        };
        let write = ampx.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        scope.hold(&write).await?;
        let opened = opened.record(&write).await.map_err(halt)?;
        let detail = json!({ "number": opened.number });
        let recorded = ampx.guard.record_effect(&write, &permit, AuditOutcome::Done, &detail).await;
        recorded.map_err(halt)?;
        let done = change_if_wanted(ampx, &write, id, run_id, |task| task.pr_url = Some(opened.url.clone())).await?;
        write.commit().await?;
        done?;
        Ok(End::Success(format!("pull request {} is open: {passed}", opened.number)))
    })
    .await
}
