use opsmith_model::TaskId;
use opsmith_runs::{Halt, RunContext};

use super::halt::halt;
use super::work::{End, forget_agent, marker, workspace};
use crate::task::{TaskEvent, TaskStatus};
use crate::{Ampx, AmpxError, db};

/// Ends every process that a task's commands left on this machine.
pub(crate) async fn end_processes(ampx: &Ampx, id: TaskId) -> Result<(), AmpxError> {
    let attempts = match ampx.task(id).await {
        Ok(task) => task.attempt_count,
        // A folder of another store's task: whatever ran there is not ours to end.
        Err(AmpxError::NoSuchTask(_)) => 0,
        Err(error) => return Err(error),
    };
    let commands =
        (1..=attempts).flat_map(|attempt| ["agent", "check", "base"].map(|what| format!("{what}-{attempt}")));
    let markers = commands.map(|command| marker(id, &command)).collect::<Result<Vec<_>, _>>()?;
    ampx.sandbox()?.reap_all(&markers).await?;
    Ok(())
}

/// Ends the task's processes and removes its work folder.
async fn tidy_up(ampx: &Ampx, id: TaskId) -> Result<(), AmpxError> {
    end_processes(ampx, id).await?;
    Ok(workspace(ampx, id).remove().await?)
}

/// Records how the task ended and removes its work folder; done even when the run was cancelled.
pub(super) async fn finish(run: &RunContext, ampx: &Ampx, id: TaskId, end: End) -> Result<(), Halt> {
    let run_id = run.run_id();
    let recorded = end.clone();
    run.final_step("finish", |scope| async move {
        scope.check_lease().await?;
        // Done again after its record was lost: the task may have gone on, and its folder be that run's.
        if ampx.task(id).await.map_err(halt)?.run_id != Some(run_id) {
            return Ok(());
        }
        // What cannot be tidied up now is left to a sweep; the task's end is recorded all the same.
        if let Err(error) = tidy_up(ampx, id).await {
            tracing::warn!(task.id = %id, %error, "failed to remove what the task left on this machine");
        }
        let write = ampx.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        scope.hold(&write).await?;
        let Some(mut task) = db::tasks::of_run(&write, id, run_id).await? else { return Ok(()) };
        let (event, summary) = match recorded {
            End::Success(summary) => (TaskEvent::Succeed, summary),
            End::Review(summary) => (TaskEvent::Review, summary),
            End::Error(summary) => (TaskEvent::Fail, summary),
            End::Aborted(summary) => (TaskEvent::Abort, summary),
        };
        // Given up by a person, or recorded before a kill: it stays as it is.
        if !task.status.is_active() || task.status == TaskStatus::Aborted {
            return Ok(());
        }
        task.status = task.status.apply(event).map_err(halt)?;
        task.summary = summary;
        if task.status.is_last() {
            db::commits::remove(&write, id).await?;
        }
        ampx.save(&write, &mut task).await.map_err(halt)?;
        write.commit().await?;
        ampx.woken();
        if task.status.is_last()
            && let Err(error) = forget_agent(ampx, id).await
        {
            tracing::warn!(task.id = %id, %error, "failed to remove the agent's home; the next start does");
        }
        Ok(())
    })
    .await?;
    if matches!(end, End::Success(_)) {
        run.step("auto merge", |_| async move {
            // The merge is a run of its own; where it cannot begin, the task stays a success and says why.
            match ampx.start_auto_merge(id).await {
                Ok(()) => Ok(()),
                Err(error) => ampx.note(id, &format!("not merged: {error}")).await.map_err(halt),
            }
        })
        .await?;
    }
    Ok(())
}
