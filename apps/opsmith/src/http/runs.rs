use ampx::http::responses::{BadQuery, Conflict, Internal, NoCaller, NotFound};
use ampx::http::{Caller, paging};
use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use opsmith_host::http::{Json, Problem, Query};
use opsmith_model::{ErrorKind, RunId};
use opsmith_runs::{Run, RunFilter, StepRecord};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shape;
use super::site::Site;

/// The words of [`RunFilter::state`].
pub(super) const STATES: [&str; 5] = ["queued", "running", "succeeded", "failed", "cancelled"];

/// Which runs, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// Only this kind.
    #[param(example = "ampx.task")]
    kind: Option<String>,
    /// Only this state: queued, running, succeeded, failed or cancelled.
    state: Option<String>,
    /// How many at the most: 50, and never more than 100.
    #[param(maximum = 100)]
    limit: Option<u32>,
    /// How many to pass over first.
    offset: Option<u32>,
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunPage {
    #[schema(value_type = Vec<shape::Run>)]
    runs: Vec<Run>,
    /// How many there are on all pages.
    total: u64,
}

/// A run with its finished steps.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunDetail {
    #[schema(value_type = shape::Run)]
    run: Run,
    /// In order.
    #[schema(value_type = Vec<shape::StepRecord>)]
    steps: Vec<StepRecord>,
}

/// The run that was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedRun {
    #[schema(value_type = String)]
    id: RunId,
}

/// Lists runs, newest first.
#[utoipa::path(
    get, path = "/api/v1/runs", tag = "runs", operation_id = "list_runs", params(RunsQuery),
    responses((status = 200, body = RunPage), BadQuery, Internal)
)]
pub(super) async fn list(State(site): State<Site>, Query(query): Query<RunsQuery>) -> Result<Json<RunPage>, Problem> {
    let page = paging(query.limit, query.offset)?;
    let (runs, total) = site.process.runs.list(&query.filter()?, page).await?;
    Ok(Json(RunPage { runs, total }))
}

/// Shows one run with its finished steps.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}", tag = "runs", operation_id = "show_run", params(("id" = String, Path, description = "The run's id")),
    responses((status = 200, body = RunDetail), NotFound, Internal)
)]
pub(super) async fn show(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<RunDetail>, Problem> {
    let id = run_id(&id)?;
    let run = site.process.runs.show(id).await?;
    Ok(Json(RunDetail { run, steps: site.process.runs.steps(id).await? }))
}

/// Has a run stop: one that waits ends at once, one that runs ends within two seconds.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run",
    params(("id" = String, Path, description = "The run's id")),
    responses((status = 202, description = "It stops"), NoCaller, NotFound, Conflict, Internal)
)]
pub(super) async fn cancel(
    State(site): State<Site>,
    Caller(by): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    site.ampx.cancel_run(run_id(&id)?, &by).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Starts an ended run's work again, as a run of its own.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/retry", tag = "runs", operation_id = "retry_run",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 201, body = StartedRun, headers(("Location" = String, description = "Where the new run is"))),
        NoCaller, NotFound, Conflict, Internal,
    )
)]
pub(super) async fn retry(
    State(site): State<Site>,
    _: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<StartedRun>), Problem> {
    let id = site.ampx.retry_run(run_id(&id)?).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/api/v1/runs/{id}"))], Json(StartedRun { id })))
}

impl RunsQuery {
    fn filter(self) -> Result<RunFilter, Problem> {
        match self.state.as_deref() {
            Some(state) if !STATES.contains(&state) => {
                let reason = format!("`{state}` is none of {}", STATES.join(", "));
                Err(Problem::invalid_field("state", reason))
            }
            Some(_) | None => Ok(RunFilter { kind: self.kind, state: self.state }),
        }
    }
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::new(ErrorKind::NotFound, format!("there is no run `{text}`")))
}
