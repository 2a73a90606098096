use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use opsmith_host::http::page::{Form, Shell};
use opsmith_model::TaskId;
use serde::Deserialize;

use super::super::Caller;
use super::super::error::ApiError;
use super::links::address;
use super::task::{View, page};
use crate::{Ampx, AmpxError};

/// With what a task goes on.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentOn {
    #[serde(default)]
    prompt: String,
}

/// Which commit was seen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    commit: String,
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

/// Lets the held change that was seen pass its gate.
pub(super) async fn accept(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Accepted>,
) -> Result<Response, ApiError> {
    let id = ampx.resolve(&id).await?;
    let done = ampx.accept(id, Some(&form.commit), &by).await;
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
