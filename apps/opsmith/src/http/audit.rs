use ampx::http::Paging;
use ampx::http::responses::{BadQuery, Failed, Internal};
use axum::extract::State;
use opsmith_guard::{AuditEntry, Chain};
use opsmith_host::http::{Json, Problem, Query};
use serde::Serialize;
use utoipa::ToSchema;

use super::router::Site;
use super::shape;

/// A page of the audit chain, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditPage {
    #[schema(value_type = Vec<shape::AuditEntry>)]
    entries: Vec<AuditEntry>,
}

/// Lists what was done, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit_entries", params(Paging),
    responses((status = 200, body = AuditPage), BadQuery, Internal)
)]
pub(super) async fn list(State(site): State<Site>, Query(query): Query<Paging>) -> Result<Json<AuditPage>, Problem> {
    let entries = site.process.guard.audit(query.page()?).await?;
    Ok(Json(AuditPage { entries }))
}

/// Checks every link of the chain.
#[utoipa::path(
    get, path = "/api/v1/audit/verify", tag = "audit", operation_id = "verify_audit_chain",
    responses((status = 200, body = shape::Chain, description = "The chain holds"), Failed, Internal)
)]
pub(super) async fn verify(State(site): State<Site>) -> Result<Json<Chain>, Problem> {
    Ok(Json(site.process.guard.verify().await?))
}
