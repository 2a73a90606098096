//! A task's pull request into its base.

use opsmith_forge::git::{Pushed, delete_branch, publish_merge};
use opsmith_guard::{AuditOutcome, Permit};
use opsmith_runs::{Halt, RunContext, StepScope};
use serde_json::json;

use super::halt::halt;
use super::work::patiently;
use crate::brief::short_sha;
use crate::inputs::{MergeInput, MergeOutput};
use crate::{Ampx, db};

/// Merges, records it, and deletes the branch where that is wanted.
pub async fn run(run: RunContext, ampx: Ampx, input: MergeInput) -> Result<MergeOutput, Halt> {
    let (ampx, input) = (&ampx, &input);
    run.step("merge", |scope| async move {
        let task = ampx.task(input.task_id).await.map_err(halt)?;
        let url = ampx.url_of(&task).map_err(halt)?;
        let repo = ampx.cache.open(&url).await.map_err(halt)?;
        patiently(&scope, || repo.fetch()).await?;
        let permit = permit(ampx, input, 0).await?;
        scope.check_lease().await?;
        let pushed = publish_merge(&permit, &repo, &input.publish).await;
        let pushed = pushed.map_err(halt)?;
        record_merge(ampx, &scope, input, &permit, pushed).await
    })
    .await?;
    if let Some(delete) = &input.delete {
        run.step("delete branch", |scope| async move {
            let task = ampx.task(input.task_id).await.map_err(halt)?;
            let url = ampx.url_of(&task).map_err(halt)?;
            let repo = ampx.cache.open(&url).await.map_err(halt)?;
            let permit = permit(ampx, input, 1).await?;
            scope.check_lease().await?;
            let deleted = delete_branch(&permit, &repo, delete).await.map_err(halt)?;
            let write = ampx.store.write().await?;
            scope.hold(&write).await?;
            let detail = json!(format!("{deleted:?}"));
            let recorded = ampx.guard.record_effect(&write, &permit, AuditOutcome::Done, &detail).await;
            recorded.map_err(halt)?;
            Ok(write.commit().await?)
        })
        .await?;
    }
    Ok(MergeOutput { sha: input.publish.sha.clone() })
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
    pushed: Pushed,
) -> Result<(), Halt> {
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    scope.hold(&write).await?;
    let found = db::tasks::find(&*write, input.task_id).await?;
    let Some(mut task) = found else { return Err(Halt::Cancelled) };
    let url = ampx.url_of(&task).map_err(halt)?;
    let pull = ampx.forge.of_branch(&url, &task.branch).await.map_err(halt)?;
    if let Some(pull) = pull {
        let merged = ampx.forge.record_merged(&write, &pull, &input.publish.sha).await;
        merged.map_err(halt)?;
    }
    let recorded = ampx.guard.record_effect(&write, permit, AuditOutcome::Done, &json!(format!("{pushed:?}"))).await;
    recorded.map_err(halt)?;
    task.merged_at = Some(ampx.now());
    task.merged_sha = Some(input.publish.sha.clone());
    task.auto_merge = None;
    let sha = &input.publish.sha;
    task.summary = format!("merged into {} as {}", input.publish.base_branch, short_sha(sha));
    ampx.save(&write, &mut task).await.map_err(halt)?;
    write.commit().await?;
    ampx.woken();
    Ok(())
}
