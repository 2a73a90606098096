//! What runs are started with: the words between whoever starts a run and the handler that does the work.

use opsmith_forge::forge::ForgeMerge;
use opsmith_forge::git::DeleteRequest;
use opsmith_model::{Plan, TaskId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

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
    /// The merge.
    #[serde(deserialize_with = "merge")]
    pub publish: ForgeMerge,
    /// Whether GitHub may make it later, where its rules do not allow it now.
    #[serde(default)]
    pub when_ready: bool,
    /// The branch that goes afterwards.
    pub delete: Option<DeleteRequest>,
}

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeOutput {
    /// The commit that the base has now; none where GitHub is to merge as soon as its rules allow.
    pub sha: Option<String>,
}

/// A merge as it is written now, or as it was when git alone made them: without saying who merges.
fn merge<'de, D: Deserializer<'de>>(from: D) -> Result<ForgeMerge, D::Error> {
    let value = Value::deserialize(from)?;
    let read = if value.get("by").is_some() {
        serde_json::from_value(value)
    } else {
        serde_json::from_value(value).map(ForgeMerge::Git)
    };
    read.map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_that_was_journaled_before_github_is_read_too() {
        let old = json!({
            "base_branch": "main", "base_sha": "1", "head_sha": "2", "method": "squash", "sha": "3",
        });
        let read = |value: Value| merge(value).map(|merge| (merge.base().to_owned(), merge));
        let (base, git) = read(old.clone()).unwrap();
        assert_eq!((base.as_str(), read(json!(git)).unwrap().1), ("main", git));
        let github = json!({
            "by": "git_hub", "number": 3, "head_sha": "2", "base": "main", "method": "rebase", "title": "t",
            "message": "m",
        });
        assert!(matches!(read(github).unwrap().1, ForgeMerge::GitHub(pull) if pull.number == 3));
        assert!(read(json!({ "by": "nobody" })).is_err() && read(json!({})).is_err());
    }
}
