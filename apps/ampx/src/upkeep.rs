use std::time::Duration;

use opsmith_guard::{AuditOutcome, AuditRecord};
use opsmith_model::{Principal, RunId, TaskId};
use opsmith_runs::{Identity, Outcome, RunState};
use opsmith_store::Write;
use serde_json::json;

use crate::task::{Task, TaskEvent, TaskStatus};
use crate::{Ampx, AmpxError, db, sweep};

/// How many tasks are looked at in one round; the next round goes on after them.
const TASKS_A_ROUND: u64 = 100;

/// What a worker does beside its runs, now and then: it gives tasks their end whose run has ended without it, and
/// removes work folders that nobody goes on with.
#[derive(Debug)]
pub(crate) struct Upkeep {
    ampx: Ampx,
    identity: Identity,
    after: Option<TaskId>,
}

impl Upkeep {
    pub(crate) fn new(ampx: Ampx, identity: Identity) -> Self {
        Self { ampx, identity, after: None }
    }

    pub(crate) async fn every(mut self, pause: Duration) {
        loop {
            tokio::time::sleep(pause).await;
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "failed to look after tasks and work folders");
            }
        }
    }

    pub(crate) async fn round(&mut self) -> Result<(), AmpxError> {
        let tasks = db::tasks::active(self.ampx.store.read(), self.after, TASKS_A_ROUND).await?;
        for (id, run_id) in &tasks {
            if let Err(error) = end_with_its_run(&self.ampx, *id, *run_id).await {
                tracing::warn!(task.id = %id, run.id = %run_id, %error, "failed to see whether the task has ended");
            }
        }
        let more = tasks.len() as u64 == TASKS_A_ROUND;
        self.after = tasks.last().filter(|_| more).map(|(id, _)| *id);
        sweep::sweep(&self.ampx, &self.identity).await
    }
}

/// Gives a task its end where its run has ended without one: the handler panicked, the run was taken up too often, or
/// was cancelled before a worker had it.
async fn end_with_its_run(ampx: &Ampx, id: TaskId, run_id: RunId) -> Result<(), AmpxError> {
    let RunState::Finished { outcome } = ampx.runs.show(run_id).await?.state else { return Ok(()) };
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    // An ended run never goes on; a task that was sent on meanwhile has another run, and is none of ours.
    let task = db::tasks::of_run(&write, id, run_id).await?;
    let Some(mut task) = task.filter(|task| task.status.is_active()) else { return Ok(()) };
    let (event, action, summary) = match outcome {
        Outcome::Cancelled => (TaskEvent::Abort, "ampx.task_aborted", "its run was cancelled".to_owned()),
        Outcome::Failed { failure } => {
            (TaskEvent::Fail, "ampx.task_failed", format!("its run broke off: {}", failure.message))
        }
        Outcome::Succeeded { .. } => {
            (TaskEvent::Fail, "ampx.task_failed", "its run ended without saying what came of the task".to_owned())
        }
    };
    if event == TaskEvent::Fail && task.status == TaskStatus::Queued {
        // A queued task cannot fail; its run, which did, had begun.
        task.status = task.status.apply(TaskEvent::Begin)?;
        ampx.save(&write, &mut task).await?;
    }
    task.status = task.status.apply(event)?;
    task.summary = summary;
    if task.status == TaskStatus::Aborted {
        db::commits::remove(&write, id).await?;
    }
    record(ampx, &write, &task, action).await?;
    ampx.save(&write, &mut task).await?;
    write.commit().await?;
    ampx.woken();
    tracing::info!(task.id = %id, run.id = %run_id, summary = task.summary, "gave the task the end of its run");
    Ok(())
}

async fn record(ampx: &Ampx, write: &Write, task: &Task, action: &str) -> Result<(), AmpxError> {
    let record = AuditRecord {
        principal: Principal::service("opsmith"),
        action: action.to_owned(),
        target: ampx.url_of(task)?.target(),
        operation_key: task.id.to_string(),
        digest: None,
        outcome: AuditOutcome::Done,
        detail: json!({ "task": task.id, "branch": task.branch, "more": { "run": task.run_id, "summary": task.summary } }),
    };
    ampx.guard.record(write, record).await?;
    Ok(())
}
