use ampx::http::responses::{BadBody, BadQuery, Conflict, Internal, NoCaller};
use ampx::http::{Caller, Paging};
use axum::extract::State;
use opsmith_guard::{AuditEntry, Chain, ClientChainError, ClientEntry, TakenEntries};
use opsmith_host::http::{Json, Problem, Query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shape;
use super::site::Site;

/// The largest body of entries: some twenty with as much detail as they may have.
pub(super) const MOST_BODY_BYTES: usize = 384 * 1_024;
const MOST_ENTRIES: usize = 100;

/// A page of the audit chain, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditPage {
    #[schema(value_type = Vec<shape::AuditEntry>)]
    entries: Vec<AuditEntry>,
}

/// Links of one client's own chain, in order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientEntries {
    /// 1 to 100 of them.
    #[schema(value_type = Vec<shape::ClientEntry>, min_items = 1, max_items = 100)]
    entries: Vec<ClientEntry>,
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

/// Takes what a client without a store of its own did, as links of the chain that it keeps; all of them or none.
///
/// Links that are here already are passed over, so an answer that was lost is got by asking again. A gap, another link in
/// the place of a recorded one, and a link that does not build on the one before are refused.
#[utoipa::path(
    post, path = "/api/v1/audit", tag = "audit", operation_id = "record_client_entries", request_body = ClientEntries,
    responses((status = 200, body = shape::TakenEntries), BadBody, NoCaller, Conflict, Internal)
)]
pub(super) async fn record(
    State(site): State<Site>,
    Caller(by): Caller,
    Json(body): Json<ClientEntries>,
) -> Result<Json<TakenEntries>, Problem> {
    let count = body.entries.len();
    if count > MOST_ENTRIES {
        return Err(Problem::invalid_field("entries", format!("must be at most {MOST_ENTRIES}, are {count}")));
    }
    Ok(Json(site.process.guard.take_client_entries(&body.entries, &by).await.map_err(|error| body.problem(error))?))
}

/// Checks every link of the chain, and the clients' chains within it.
#[utoipa::path(
    get, path = "/api/v1/audit/verify", tag = "audit", operation_id = "verify_audit_chain",
    responses((status = 200, body = shape::Chain, description = "The chain holds"), Internal)
)]
pub(super) async fn verify(State(site): State<Site>) -> Result<Json<Chain>, Problem> {
    Ok(Json(site.process.guard.verify().await?))
}

impl ClientEntries {
    /// The problem, with the path of the field where one field is wrong.
    fn problem(&self, error: ClientChainError) -> Problem {
        let path = match &error {
            ClientChainError::Empty => Some(("entries".to_owned(), "must not be empty".to_owned())),
            ClientChainError::Invalid { seq, field, reason } => {
                let at = self.entries.iter().position(|entry| entry.seq == *seq).unwrap_or_default();
                Some((format!("entries[{at}].{field}"), reason.clone()))
            }
            ClientChainError::Unordered { .. }
            | ClientChainError::Gap { .. }
            | ClientChainError::Fork { .. }
            | ClientChainError::NotYours { .. }
            | ClientChainError::Guard(_) => None,
        };
        match path {
            Some((path, reason)) => Problem::from(error).field(&path, reason),
            None => error.into(),
        }
    }
}
