//! What runs are started with: the words between whoever starts a run and the handler that does the work.

use opsmith_forge::git::{DeleteRequest, PublishMerge};
use opsmith_model::{Plan, TaskId};
use serde::{Deserialize, Serialize};

/// The kind of a task's run.
pub const TASK: &str = "ampx.task";
/// The kind of a merge's run.
pub const MERGE: &str = "ampx.merge";

/// What a task's run is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskInput {
    /// The task.
    pub task_id: TaskId,
    /// From where it goes.
    pub mode: Mode,
}

/// From where a task's run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From the prompt.
    Start,
    /// From the last commit, with the latest prompt.
    Continue,
    /// From the last commit, which is not red and was not got out: no agent, unless CI wants it.
    Resume,
    /// From the last commit, which a person lets pass: no agent.
    Accept,
}

/// What a merge's run is started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MergeInput {
    /// The task.
    pub task_id: TaskId,
    /// The plan that was permitted; it is permitted again under the same key.
    pub plan: Plan,
    /// The computed merge.
    pub publish: PublishMerge,
    /// The branch that goes afterwards.
    pub delete: Option<DeleteRequest>,
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeOutput {
    /// The commit that the base has now.
    pub sha: String,
}
