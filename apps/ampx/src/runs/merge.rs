//! A task's pull request into its base.

use opsmith_forge::forge::{ForgeMerge, ForgesError};
use opsmith_forge::git::{Pushed, delete_branch};
use opsmith_forge::github::GitHubError;
use opsmith_guard::{AuditOutcome, Permit};
use opsmith_model::Hint as _;
use opsmith_runs::{Halt, RunContext, StepScope};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::halt::halt;
use super::work::{patiently, unless_stopped};
use crate::brief::short_sha;
use crate::inputs::{MergeInput, MergeOutput};
use crate::merge_options::{AutoMerge, MergeOptions};
use crate::{Ampx, AmpxError, db};

/// What the journal keeps of a merge.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Went {
    /// It is made, as this commit.
    Merged(String),
    /// GitHub's rules do not allow it yet; in its words.
    NotYet(String),
}

/// Merges, records it, and deletes the branch where that is wanted.
pub async fn run(run: RunContext, ampx: Ampx, input: MergeInput) -> Result<MergeOutput, Halt> {
    let went = drive(&run, &ampx, &input).await;
    if let Err(Halt::Failed(failure)) = &went {
        run.step("not merged", |_| tell(&ampx, &input, &failure.message)).await?;
    }
    went
}

/// Tells of a merge that failed where nobody waits for it.
async fn tell(ampx: &Ampx, input: &MergeInput, why: &str) -> Result<(), Halt> {
    if ampx.task(input.task_id).await.map_err(halt)?.auto_merge.is_some() {
        ampx.note(input.task_id, &format!("not merged: {why}")).await.map_err(halt)?;
    }
    Ok(())
}

async fn drive(run: &RunContext, ampx: &Ampx, input: &MergeInput) -> Result<MergeOutput, Halt> {
    // A merge from before GitHub left nothing in the journal.
    let went: Option<Went> =
        run.step("merge", |scope| async move { merge(ampx, &scope, input).await.map(Some) }).await?;
    let sha = match (went, &input.publish) {
        (Some(Went::Merged(sha)), _) => sha,
        (Some(Went::NotYet(why)), _) => {
            let why = &why;
            let later = |scope: StepScope| async move { merge_when_ready(ampx, &scope, input, why).await };
            run.step("merge when ready", later).await?;
            return Ok(MergeOutput { sha: None });
        }
        (None, ForgeMerge::Git(publish)) => publish.sha.clone(),
        (None, ForgeMerge::GitHub(_)) => return Err(Halt::Interrupted("the journal has no merge".to_owned())),
    };
    if input.delete.is_some() {
        run.step("delete branch", |scope| async move { delete(ampx, &scope, input).await }).await?;
    }
    Ok(MergeOutput { sha: Some(sha) })
}

async fn merge(ampx: &Ampx, scope: &StepScope, input: &MergeInput) -> Result<Went, Halt> {
    let task = ampx.task(input.task_id).await.map_err(halt)?;
    let url = ampx.url_of(&task).map_err(halt)?;
    let repo = match &input.publish {
        ForgeMerge::Git(publish) => {
            let repo = ampx.remote(&url).await.map_err(halt)?;
            patiently(scope, || repo.fetch()).await?;
            // Another machine may have computed it. What the base has already needs no copy here.
            ampx.has_merge(&repo, &publish.sha).await.map_err(halt)?;
            repo
        }
        ForgeMerge::GitHub(_) => ampx.cache.open(&url).await.map_err(halt)?,
    };
    let permit = permit(ampx, input, 0).await?;
    scope.check_lease().await?;
    let (sha, pushed) = match unless_stopped(scope, ampx.forge.merge(&permit, &repo, &input.publish)).await? {
        Err(ForgesError::GitHub(GitHubError::NotMergeable { message, .. })) if input.when_ready => {
            return Ok(Went::NotYet(message));
        }
        merged => merged.map_err(halt)?,
    };
    record_merge(ampx, scope, input, &permit, &sha, pushed).await?;
    Ok(Went::Merged(sha))
}

/// Leaves the merge to GitHub; who then looks after it is [`crate::github`]'s watch.
async fn merge_when_ready(ampx: &Ampx, scope: &StepScope, input: &MergeInput, why: &str) -> Result<(), Halt> {
    let task = ampx.task(input.task_id).await.map_err(halt)?;
    let url = ampx.url_of(&task).map_err(halt)?;
    let (Some(github), ForgeMerge::GitHub(pull)) = (ampx.forge.github(&url), &input.publish) else {
        return Err(Halt::Interrupted("GitHub is no longer configured".to_owned()));
    };
    let repository = github.repository(&url).map_err(halt)?;
    let permit = permit(ampx, input, 1).await?;
    scope.check_lease().await?;
    let switched = match unless_stopped(scope, repository.merge_when_ready(&permit, pull)).await? {
        Err(error @ GitHubError::NoAutoMerge { .. }) => {
            let message = format!("GitHub does not merge it now ({why}), nor by itself later: {error}");
            return Err(halt(AmpxError::NotNow { message, hint: error.hint() }));
        }
        switched => switched.map_err(halt)?,
    };
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    scope.hold(&write).await?;
    let detail = json!(format!("{switched:?}"));
    ampx.guard.record_effect(&write, &permit, AuditOutcome::Done, &detail).await.map_err(halt)?;
    if let Some(mut task) = db::tasks::find(&*write, input.task_id).await? {
        let options = MergeOptions { method: pull.method, delete_branch: input.delete.is_some() };
        let requested_by = input.plan.operation.principal.clone();
        task.auto_merge = Some(AutoMerge { options, requested_by });
        task.summary = format!("GitHub merges pull request {} as soon as its rules allow", pull.number);
        ampx.save(&write, &mut task).await.map_err(halt)?;
    }
    write.commit().await?;
    ampx.woken();
    Ok(())
}

async fn delete(ampx: &Ampx, scope: &StepScope, input: &MergeInput) -> Result<(), Halt> {
    let Some(delete) = &input.delete else { return Ok(()) };
    let task = ampx.task(input.task_id).await.map_err(halt)?;
    let url = ampx.url_of(&task).map_err(halt)?;
    let repo = ampx.remote(&url).await.map_err(halt)?;
    let permit = permit(ampx, input, input.plan.effects.len() - 1).await?;
    scope.check_lease().await?;
    let deleted = delete_branch(&permit, &repo, delete).await.map_err(|error| halt(ampx.of_remote(&url, error)))?;
    let write = ampx.store.write().await?;
    scope.hold(&write).await?;
    let detail = json!(format!("{deleted:?}"));
    ampx.guard.record_effect(&write, &permit, AuditOutcome::Done, &detail).await.map_err(halt)?;
    Ok(write.commit().await?)
}

/// The permit of the plan's effect at `index`; the same operation gets it again after a restart.
async fn permit(ampx: &Ampx, input: &MergeInput, index: usize) -> Result<Permit, Halt> {
    let mut permits = ampx.guard.authorize(&input.plan).await.map_err(halt)?;
    if index < permits.len() {
        return Ok(permits.swap_remove(index));
    }
    Err(Halt::Interrupted("the gate gave no permit".to_owned()))
}

async fn record_merge(
    ampx: &Ampx,
    scope: &StepScope,
    input: &MergeInput,
    permit: &Permit,
    sha: &str,
    pushed: Pushed,
) -> Result<(), Halt> {
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    scope.hold(&write).await?;
    let found = db::tasks::find(&*write, input.task_id).await?;
    let Some(mut task) = found else { return Err(Halt::Cancelled) };
    let url = ampx.url_of(&task).map_err(halt)?;
    ampx.forge.record_merged(&write, &url, &task.branch, sha).await.map_err(halt)?;
    let recorded = ampx.guard.record_effect(&write, permit, AuditOutcome::Done, &json!(format!("{pushed:?}"))).await;
    recorded.map_err(halt)?;
    task.merged_at = Some(ampx.now());
    task.merged_sha = Some(sha.to_owned());
    task.auto_merge = None;
    task.summary = format!("merged into {} as {}", input.publish.base(), short_sha(sha));
    ampx.save(&write, &mut task).await.map_err(halt)?;
    db::commits::remove(&write, input.task_id).await?;
    write.commit().await?;
    ampx.woken();
    Ok(())
}
