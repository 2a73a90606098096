use ampx::http::responses::Internal;
use axum::extract::State;
use opsmith_host::http::{Json, Problem};
use opsmith_runs::WorkerRow;
use serde::Serialize;
use utoipa::ToSchema;

use super::shape;
use super::site::Site;

/// Every worker that was ever seen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Workers {
    #[schema(value_type = Vec<shape::Worker>)]
    workers: Vec<WorkerRow>,
}

/// Lists every worker that was ever seen, with how many runs it holds.
#[utoipa::path(
    get, path = "/api/v1/workers", tag = "runs", operation_id = "list_workers",
    responses((status = 200, body = Workers), Internal)
)]
pub(super) async fn list(State(site): State<Site>) -> Result<Json<Workers>, Problem> {
    Ok(Json(Workers { workers: site.process.runs.workers().await? }))
}
