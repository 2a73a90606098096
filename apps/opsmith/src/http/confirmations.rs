use ampx::http::responses::{BadBody, BadQuery, Conflict, Denied, Internal, NoCaller, NotFound};
use ampx::http::{Caller, paging};
use axum::extract::{Path, State};
use opsmith_guard::{Answer, Confirmation};
use opsmith_host::http::{Json, Problem, Query};
use opsmith_model::{ConfirmationId, Digest, ErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shape;
use super::site::Site;

/// How many questions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PendingQuery {
    /// How many at the most: 50, and never more than 100.
    #[param(maximum = 100)]
    limit: Option<u32>,
}

/// The questions that wait for an answer, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PendingConfirmations {
    #[schema(value_type = Vec<shape::Confirmation>)]
    confirmations: Vec<Confirmation>,
}

/// A person's answer to exactly one plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerBody {
    #[schema(value_type = shape::Answer)]
    decision: Answer,
    /// The digest of the plan that was seen.
    digest: String,
}

/// Lists the questions that wait for an answer, oldest first.
#[utoipa::path(
    get, path = "/api/v1/confirmations", tag = "confirmations", operation_id = "list_confirmations", params(PendingQuery),
    responses((status = 200, body = PendingConfirmations), BadQuery, Internal)
)]
pub(super) async fn list(
    State(site): State<Site>,
    Query(query): Query<PendingQuery>,
) -> Result<Json<PendingConfirmations>, Problem> {
    let page = paging(query.limit, None)?;
    Ok(Json(PendingConfirmations { confirmations: site.process.guard.pending(page.limit).await? }))
}

/// Shows one question with its plan.
#[utoipa::path(
    get, path = "/api/v1/confirmations/{id}", tag = "confirmations", operation_id = "show_confirmation",
    params(("id" = String, Path, description = "The confirmation's id")),
    responses((status = 200, body = shape::Confirmation), NotFound, Internal)
)]
pub(super) async fn show(State(site): State<Site>, Path(id): Path<String>) -> Result<Json<Confirmation>, Problem> {
    Ok(Json(site.process.guard.confirmation(confirmation_id(&id)?).await?))
}

/// Takes a person's answer: once, in time, for exactly that digest.
#[utoipa::path(
    post, path = "/api/v1/confirmations/{id}", tag = "confirmations", operation_id = "answer_confirmation", request_body = AnswerBody,
    params(("id" = String, Path, description = "The confirmation's id")),
    responses((status = 200, body = shape::Confirmation), BadBody, NoCaller, Denied, NotFound, Conflict, Internal)
)]
pub(super) async fn answer(
    State(site): State<Site>,
    Caller(by): Caller,
    Path(id): Path<String>,
    Json(body): Json<AnswerBody>,
) -> Result<Json<Confirmation>, Problem> {
    let id = confirmation_id(&id)?;
    Ok(Json(site.process.guard.confirm(id, body.decision, &body.digest()?, &by).await?))
}

impl AnswerBody {
    fn digest(&self) -> Result<Digest, Problem> {
        self.digest.parse().map_err(|_| Problem::invalid_field("digest", "must be 64 lower-case hex digits"))
    }
}

pub(super) fn confirmation_id(text: &str) -> Result<ConfirmationId, Problem> {
    text.parse().map_err(|_| Problem::new(ErrorKind::NotFound, format!("there is no confirmation `{text}`")))
}
