use opsmith_model::{Principal, RunId};

use crate::inputs::{TASK, TaskInput};
use crate::{Ampx, AmpxError};

impl Ampx {
    /// Has a run stop by whoever looks after runs: a task's run is its task's, so the task is given up with it.
    pub async fn cancel_run(&self, id: RunId, by: &Principal) -> Result<(), AmpxError> {
        match self.task_of(id).await? {
            Some(input) => self.abort(input.task_id, by).await,
            None => Ok(self.runs.cancel(id).await?),
        }
    }

    /// Starts an ended run's work again. A task goes on by its own word, from its last commit.
    pub async fn retry_run(&self, id: RunId) -> Result<RunId, AmpxError> {
        match self.task_of(id).await? {
            Some(input) => Err(AmpxError::NotNow {
                message: format!("run `{id}` is the one of task `{}`", input.task_id),
                hint: Some(format!("have the task go on with `ampx continue {}`", input.task_id)),
            }),
            None => Ok(self.runs.retry(id).await?),
        }
    }

    async fn task_of(&self, id: RunId) -> Result<Option<TaskInput>, AmpxError> {
        let run = self.runs.show(id).await?;
        if run.kind != TASK {
            return Ok(None);
        }
        let input = serde_json::from_value(run.input);
        Ok(Some(input.map_err(|_| opsmith_store::StoreError::unreadable(format!("run {id}")))?))
    }
}
