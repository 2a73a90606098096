use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Redirect, Response};
use opsmith_host::http::Json;
use opsmith_host::http::page::wants_page;
use serde::Serialize;
use utoipa::ToSchema;

use super::NAV;
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

/// Says what answers here and where to go on; a browser is sent to the pages.
#[utoipa::path(get, path = "/", tag = "platform", responses((status = 200, body = Welcome)))]
pub(super) async fn root(headers: HeaderMap) -> Response {
    if wants_page(&headers) {
        return ([(VARY, "Accept")], Redirect::to(NAV[0].path)).into_response();
    }
    let welcome = Welcome { name: "opsmith", version: env!("CARGO_PKG_VERSION"), links: LINKS.into() };
    ([(VARY, "Accept")], Json(welcome)).into_response()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "platform", operation_id = "openapi", responses((status = 200, body = Object)))]
pub(super) async fn document(State(site): State<Site>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], site.document)
}
