use std::time::Duration;

use ampx::http::responses::Internal;
use axum::extract::State;
use opsmith_host::http::{Json, Problem};
use opsmith_model::ErrorKind;
use opsmith_store::Store;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::site::Site;

/// Whoever asks for readiness asks again soon.
const PATIENCE: Duration = Duration::from_secs(2);

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`; else the answer is a problem.
    status: &'static str,
    /// The server's version.
    version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Whether the server works, its database included.
#[utoipa::path(get, path = "/health", tag = "platform", responses((status = 200, body = Health), Internal))]
pub(super) async fn health(State(site): State<Site>) -> Result<Json<Health>, Problem> {
    check(&site.process.store).await?;
    Ok(Json(OK))
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/health/live", tag = "platform", responses((status = 200, body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(OK)
}

/// Whether it can do its work now: the database answers.
#[utoipa::path(get, path = "/health/ready", tag = "platform", responses((status = 200, body = Health), Internal))]
pub(super) async fn ready(State(site): State<Site>) -> Result<Json<Health>, Problem> {
    check(&site.process.store).await?;
    Ok(Json(OK))
}

async fn check(store: &Store) -> Result<(), Problem> {
    let silent = |reason: String| {
        tracing::warn!(error.message = reason, "the database does not answer");
        Problem::new(ErrorKind::Unavailable, "the database does not answer")
    };
    match timeout(PATIENCE, store.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(silent(error.to_string())),
        Err(_) => Err(silent(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}
