use opsmith_host::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// A sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pong {
    /// Always true.
    pong: bool,
    /// The server's version.
    version: &'static str,
}

/// Answers; asks nothing of anything else.
#[utoipa::path(get, path = "/api/v1/ping", tag = "platform", responses((status = 200, body = Pong)))]
pub(super) async fn ping() -> Json<Pong> {
    Json(Pong { pong: true, version: env!("CARGO_PKG_VERSION") })
}
