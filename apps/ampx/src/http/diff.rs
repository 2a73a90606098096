use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use super::error::ApiError;
use super::responses::{Conflict, Failed, Internal, NotFound};
use crate::Ampx;

/// The task's change against its base, as a unified diff; empty while there is none.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/diff", tag = "tasks", operation_id = "read_task_diff",
    params(("id" = String, Path, description = "The task's id, which may be shortened while it is unique")),
    responses((status = 200, body = String, content_type = "text/x-diff"), NotFound, Conflict, Failed, Internal)
)]
pub(super) async fn diff(State(ampx): State<Ampx>, Path(id): Path<String>) -> Result<impl IntoResponse, ApiError> {
    let id = ampx.resolve(&id).await?;
    Ok(([(CONTENT_TYPE, "text/x-diff")], ampx.diff(id).await?))
}
