use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use opsmith_forge::git::MergeMethod;
use opsmith_host::http::{Json, Query};
use opsmith_model::{Decision, Digest, Plan};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::responses::{BadBody, Denied, Failed, Internal, NeedsConfirmation, NoCaller, NotFound};
use super::{Caller, shape};
use crate::{Ampx, MergeOptions, Merged};

/// How to merge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MergeWish {
    /// `squash` where it is not said.
    #[schema(value_type = Option<shape::MergeMethod>)]
    method: Option<MergeMethod>,
    /// Whether the task's branch goes afterwards.
    #[serde(default)]
    delete_branch: bool,
    /// Merge as soon as the task succeeds, if it has not yet.
    #[serde(default)]
    auto: bool,
}

/// Whether it is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MergeQuery {
    /// Answer with the plan and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A plan, and what the policy says of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlannedMerge {
    /// The effects, in order.
    #[schema(value_type = shape::Plan)]
    plan: Plan,
    /// What a person's yes names.
    #[schema(value_type = String)]
    digest: Digest,
    /// What the policy says of each effect, in their order.
    #[schema(value_type = Vec<shape::Decision>)]
    decisions: Vec<Decision>,
}

/// What a merge answers, by `dry_run`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum MergeAnswer {
    Merged(Merged),
    Planned(PlannedMerge),
}

/// Merges the task's pull request, or has it merged as soon as it may be.
#[utoipa::path(
    post, path = "/api/v1/tasks/{id}/merge", tag = "tasks", operation_id = "merge_task", request_body = MergeWish,
    params(
        ("id" = String, Path, description = "The task's id, which may be shortened while it is unique"),
        MergeQuery,
    ),
    responses(
        (status = 200, body = MergeAnswer, description = "Merged, or with `dry_run` the plan"),
        BadBody, NoCaller, Denied, NotFound, NeedsConfirmation, Failed, Internal,
    )
)]
pub(super) async fn merge(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    Path(id): Path<String>,
    Query(query): Query<MergeQuery>,
    Json(wish): Json<MergeWish>,
) -> Result<Response, ApiError> {
    let id = ampx.resolve(&id).await?;
    let method = wish.method.unwrap_or(MergeMethod::Squash);
    let options = MergeOptions { method, delete_branch: wish.delete_branch };
    if query.dry_run {
        let plan = ampx.merge_plan(id, &options, &by).await?;
        return Ok(Json(PlannedMerge::new(&ampx, plan)).into_response());
    }
    Ok(Json(ampx.merge(id, &options, wish.auto, &by).await?).into_response())
}

impl PlannedMerge {
    fn new(ampx: &Ampx, plan: Plan) -> Self {
        Self { digest: plan.digest(), decisions: ampx.guard.decide(&plan), plan }
    }
}
