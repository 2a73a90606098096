use maud::{Markup, html};

use crate::task::{Task, TaskStatus};

/// The words of a status for a person.
pub(super) const fn words(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Queued => "Queued",
        TaskStatus::Running => "Running",
        TaskStatus::Retrying => "Retrying",
        TaskStatus::NeedsReview => "Needs review",
        TaskStatus::Success => "Success",
        TaskStatus::Aborted => "Aborted",
        TaskStatus::Error => "Error",
    }
}

const fn tone(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Queued | TaskStatus::Aborted => "idle",
        TaskStatus::Running | TaskStatus::Retrying => "busy",
        TaskStatus::NeedsReview => "warn",
        TaskStatus::Success => "good",
        TaskStatus::Error => "bad",
    }
}

/// A task's status as a badge; that it was merged says more than its success.
pub(super) fn badge(task: &Task) -> Markup {
    let (tone, words) = match task.merged_at {
        Some(_) => ("done", "Merged"),
        None => (tone(task.status), words(task.status)),
    };
    html! { span class={ "badge " (tone) } { span.dot aria-hidden="true" {} (words) } }
}
