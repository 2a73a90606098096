use std::str::FromStr;

use opsmith_forge::git::Workspace;
use opsmith_model::TaskId;
use opsmith_runs::{Identity, RunState};

use crate::{Ampx, AmpxError};

/// Removes what an earlier life of this machine's workers left and nobody goes on with: the work folders of tasks
/// that have ended or that another worker has taken over, and the processes in them.
pub(crate) async fn sweep(ampx: &Ampx, identity: &Identity) -> Result<(), AmpxError> {
    for name in Workspace::strays(&ampx.work_root)? {
        let Ok(id) = TaskId::from_str(&name) else { continue };
        match is_at_work(ampx, id, identity).await {
            Ok(true) => continue,
            Ok(false) => tracing::info!(task.id = %id, "removing a work folder that nobody goes on with"),
            Err(error) => {
                tracing::warn!(task.id = %id, %error, "failed to see who has the task; its work folder stays");
                continue;
            }
        }
        if let Err(error) = crate::runs::tidy_up(ampx, id).await {
            tracing::warn!(task.id = %id, %error, "failed to remove a work folder");
        }
    }
    Ok(())
}

/// Whether a worker of this data folder has the task, or may get it: its folder is that worker's to remove.
async fn is_at_work(ampx: &Ampx, id: TaskId, identity: &Identity) -> Result<bool, AmpxError> {
    let task = match ampx.task(id).await {
        Ok(task) => task,
        Err(AmpxError::NoSuchTask(_)) => return Ok(false),
        Err(error) => return Err(error),
    };
    let Some(run_id) = task.run_id.filter(|_| task.status.is_active()) else { return Ok(false) };
    Ok(match ampx.runs.show(run_id).await?.state {
        RunState::Queued => true,
        RunState::Running { worker_id, .. } => identity.shares_folder_with(&worker_id),
        RunState::Finished { .. } => false,
    })
}
