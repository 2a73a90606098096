use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use opsmith_host::cli::clean_line;
use opsmith_host::http::page::{Field, Form, Shell};
use opsmith_model::TaskId;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::super::Caller;
use super::super::error::ApiError;
use super::task::{View, address, page};
use crate::task::{Task, TaskEvent, TaskStatus};
use crate::{Ampx, AmpxError};

/// With what a task goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentOn {
    #[serde(default)]
    prompt: String,
}

/// Sends a task that stopped on.
pub(super) async fn send_on(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<SentOn>,
) -> Result<Response, ApiError> {
    let id = ampx.resolve(&id).await?;
    // A form's line ends are the network's, and a field left empty is not sent as one that is missing.
    let prompt = form.prompt.replace("\r\n", "\n");
    let new = Some(prompt.as_str()).filter(|prompt| !prompt.trim().is_empty());
    let done = ampx.continue_task(id, new, &by).await;
    answer(&ampx, &shell, id, done, "continued", &prompt).await
}

/// Lets a held change pass its gate.
pub(super) async fn accept(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = ampx.resolve(&id).await?;
    let done = ampx.accept(id, &by).await;
    answer(&ampx, &shell, id, done, "accepted", "").await
}

/// Gives a task up.
pub(super) async fn abort(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = ampx.resolve(&id).await?;
    let done = ampx.abort(id, &by).await;
    answer(&ampx, &shell, id, done, "aborted", "").await
}

/// The task of an action's address.
pub(super) async fn back(State(ampx): State<Ampx>, Path(id): Path<String>) -> Result<Redirect, ApiError> {
    Ok(Redirect::to(&address(ampx.resolve(&id).await?)))
}

/// The task's page: by another address where it was done, else with the reason and what was typed.
async fn answer(
    ampx: &Ampx,
    shell: &Shell,
    id: TaskId,
    done: Result<(), AmpxError>,
    word: &str,
    prompt: &str,
) -> Result<Response, ApiError> {
    let Err(error) = done else { return Ok(Redirect::to(&format!("{}?done={word}", address(id))).into_response()) };
    let ApiError(problem) = error.into();
    let view = View { refused: Some(problem.body()), prompt, ..View::default() };
    Ok(page(ampx, shell, id, &view).await?.into_response())
}

/// Whether there is a pull request to merge.
pub(super) fn can_merge(task: &Task) -> bool {
    task.status == TaskStatus::Success && task.merged_at.is_none()
}

/// Why the task is where it is, and what a person can do next.
pub(super) fn room(task: &Task, prompt: &str) -> Markup {
    let may = |event| task.status.apply(event).is_ok();
    let accept = may(TaskEvent::Accept) && task.head_sha.is_some();
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
            @if accept || abort {
                div.row {
                    @if accept { (accept_form(task)) }
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

fn accept_form(task: &Task) -> Markup {
    html! {
        form method="post" action={ (address(task.id)) "/accept" } {
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

/// The start form, filled in as for this task.
fn again(task: &Task) -> String {
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
