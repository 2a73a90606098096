use maud::{Markup, html};
use opsmith_host::cli::clean_line;
use opsmith_host::http::page::{Field, hidden};

use super::links::{address, again};
use crate::task::{Task, TaskEvent, TaskStatus};

/// Whether there is a pull request to merge.
pub(super) fn can_merge(task: &Task) -> bool {
    task.status == TaskStatus::Success && task.merged_at.is_none()
}

/// Why the task is where it is, and what a person can do next.
pub(super) fn room(task: &Task, prompt: &str) -> Markup {
    let may = |event| task.status.apply(event).is_ok();
    let held = task.head_sha.as_deref().filter(|_| may(TaskEvent::Accept));
    let (go_on, abort) = (may(TaskEvent::Continue), may(TaskEvent::Abort));
    html! {
        section #task-room .card.room data-live aria-label="Where it stands" {
            p.why { (clean_line(&task.summary)) }
            @if can_merge(task) {
                div.row {
                    a.button.primary href={ (address(task.id)) "/merge" } { "Review and merge" }
                    a.button href={ (address(task.id)) "/changes" } { "See the changes" }
                }
            }
            @if task.status.is_last() && !can_merge(task) { p { a href=(again(task)) { "Start another like it" } } }
            @if go_on { (continue_form(task, prompt)) }
            @if held.is_some() || abort {
                div.row {
                    @if let Some(head) = held { (accept_form(task, head)) }
                    @if abort { (abort_form(task)) }
                }
            }
        }
    }
}

fn continue_form(task: &Task, prompt: &str) -> Markup {
    let field = Field {
        name: "prompt",
        label: "What it should do next",
        hint: "Left empty, it tries again with the prompt it had.",
        error: None,
    };
    html! {
        form method="post" action={ (address(task.id)) "/continue" } {
            (field.around(|described| html! {
                textarea #prompt name="prompt" rows="3" maxlength="50000" aria-describedby=(described) {
                    // The first line's end is not part of what it holds.
                    "\n" (prompt)
                }
            }))
            p { button.primary { "Continue" } }
        }
    }
}

fn accept_form(task: &Task, head: &str) -> Markup {
    html! {
        form method="post" action={ (address(task.id)) "/accept" } {
            (hidden("commit", head))
            button title="Check, push and pull request follow" { "Accept the held change" }
        }
        a href={ (address(task.id)) "/changes" } { "See it first" }
    }
}

fn abort_form(task: &Task) -> Markup {
    html! {
        details #task-abort .sure {
            summary.button.danger { "Abort…" }
            form.row method="post" action={ (address(task.id)) "/abort" } {
                span { "Give this task up for good?" }
                button.danger { "Yes, abort it" }
            }
        }
    }
}
