//! What happens around every request, from the outside in.

use std::any::Any;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tokio_util::sync::CancellationToken;
use tower_http::csrf::ProtectionError;
use tracing::{Instrument as _, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::Problem;
use super::measure::route;
use crate::telemetry::exporting;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: &str = "traceparent";
const REQUEST_ID_LIMIT_BYTES: usize = 64;
/// What is kept of another layer's plain error text.
const ERROR_TEXT_LIMIT_BYTES: usize = 1_000;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task answers; `None` outside one.
pub fn request_id() -> Option<String> {
    CURRENT.try_with(String::clone).ok()
}

/// Names the request (a sane `x-request-id` is kept), puts the name on its log lines and span, and logs its end.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    let sent = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_sane(id));
    let id = sent.map_or_else(|| ulid::Ulid::generate().to_string(), str::to_owned);
    let path = request.uri().path().to_owned();
    let span = request_span(&id, &request);
    let answer = async {
        let started = tokio::time::Instant::now();
        let response = next.run(request).await;
        let status = u64::from(response.status().as_u16());
        let duration_ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if is_probe(&path) {
            tracing::debug!(http.response.status_code = status, event.duration = duration_ns, "answered");
        } else {
            tracing::info!(http.response.status_code = status, event.duration = duration_ns, "answered");
        }
        end_span(&response);
        response
    };
    let mut response = CURRENT.scope(id.clone(), answer).instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

/// The span of a request, in the caller's trace where the caller names one.
fn request_span(id: &str, request: &Request) -> Span {
    let method = request.method();
    let span = tracing::info_span!(
        "http",
        http.request.id = id,
        http.request.method = %method,
        url.path = request.uri().path(),
        user.name = field::Empty,
        otel.name = field::Empty,
        otel.kind = field::Empty,
        otel.status_code = field::Empty,
        otel.status_description = field::Empty,
    );
    // On a terminal they would only stand in the way.
    if exporting() {
        span.record("otel.name", format!("{method} {}", route(request)));
        span.record("otel.kind", "server");
    }
    if request.headers().contains_key(TRACE_PARENT) {
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
        // Fails where there is no layer for traces, and then there is no trace to join.
        let _ = span.set_parent(parent);
    }
    span
}

fn end_span(response: &Response) {
    let (span, status) = (Span::current(), response.status());
    if exporting() {
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", status.as_str());
        }
    }
}

fn is_sane(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !id.is_empty() && id.len() <= REQUEST_ID_LIMIT_BYTES && id.bytes().all(plain)
}

/// Calls that come every few seconds and say nothing in a log.
fn is_probe(path: &str) -> bool {
    path == "/metrics" || path.ends_with("/ping") || path.rsplit('/').take(2).any(|part| part == "health")
}

/// A panic in a handler, as an answer.
#[expect(clippy::needless_pass_by_value, reason = "the panic layer hands it over")]
pub(super) fn on_panic(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(error.message = text.unwrap_or("of an unknown type"), "a handler panicked");
    Problem::bug().into_response()
}

/// Turns the plain errors of the router and its extractors into [`Problem`]s.
pub(super) async fn shape_errors(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || !is_plain(&response) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let cross_site = parts.extensions.get::<ProtectionError>().is_some();
    let text = to_bytes(body, ERROR_TEXT_LIMIT_BYTES).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let problem = match status {
        StatusCode::FORBIDDEN if cross_site => {
            Problem::with_status(status, "a page of another site may not change this")
                .hint("add its origin to `server.cors_origins`")
        }
        StatusCode::NOT_FOUND if text.is_empty() => Problem::with_status(status, format!("there is no `{path}`")),
        StatusCode::METHOD_NOT_ALLOWED => Problem::with_status(status, format!("`{path}` does not take {method}")),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::with_status(status, "the body is larger than this server takes"),
        status if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE => {
            tracing::error!(error.message = text, "internal error");
            Problem::bug()
        }
        status if text.is_empty() => Problem::with_status(status, status.canonical_reason().unwrap_or("refused")),
        status => Problem::with_status(status, text),
    };
    let mut shaped = problem.into_response();
    for (name, value) in &parts.headers {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            shaped.headers_mut().append(name, value.clone());
        }
    }
    shaped
}

fn is_plain(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// Ends a request that takes longer than `limit` to begin its answer; a stream that has begun may go on.
pub(super) async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!("request timed out");
            let message = format!("the request took longer than {} s", limit.as_secs());
            Problem::with_status(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
        }
    }
}

/// Ends event streams at shutdown: they would never end of themselves, and clients come back with `Last-Event-ID`.
pub(super) async fn end_streams(State(shutdown): State<CancellationToken>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(shutdown.cancelled_owned())))
}
