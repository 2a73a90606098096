use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use opsmith_host::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::site::Site;

const LINKS: [(&str, &str); 8] = [
    ("audit", "/api/v1/audit"),
    ("confirmations", "/api/v1/confirmations"),
    ("events", "/api/v1/events"),
    ("health", "/health"),
    ("metrics", "/metrics"),
    ("openapi", "/openapi.json"),
    ("runs", "/api/v1/runs"),
    ("tasks", "/api/v1/tasks"),
];

/// What answers here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Welcome {
    /// Always `opsmith`.
    name: &'static str,
    /// The server's version.
    version: &'static str,
    /// Where to go on, by name.
    #[schema(value_type = BTreeMap<String, String>)]
    links: BTreeMap<&'static str, &'static str>,
}

/// Says what answers here and where to go on.
#[utoipa::path(get, path = "/", tag = "platform", responses((status = 200, body = Welcome)))]
pub(super) async fn root() -> Json<Welcome> {
    Json(Welcome { name: "opsmith", version: env!("CARGO_PKG_VERSION"), links: LINKS.into() })
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "platform", operation_id = "openapi", responses((status = 200, body = Object)))]
pub(super) async fn document(State(site): State<Site>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], site.document)
}
