use opsmith_model::TaskId;
use url::form_urlencoded::Serializer;

use crate::task::Task;

/// Where a task is.
pub(super) fn address(id: TaskId) -> String {
    format!("/tasks/{id}")
}

/// The start form, filled in as for this task.
pub(super) fn again(task: &Task) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("repo", &task.repo).append_pair("agent", &task.agent);
    if let Some(base) = &task.base {
        query.append_pair("base", base);
    }
    // An address has its limits.
    if task.prompt.len() <= 2_000 {
        query.append_pair("prompt", &task.prompt);
    }
    format!("/tasks/new?{}", query.finish())
}
