use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use opsmith_forge::github::webhook::DeliveryHeaders;
use opsmith_host::http::Problem;
use opsmith_model::ErrorKind;

use super::error::ApiError;
use super::responses::{BadBody, Conflict, Internal, NoCaller, NotFound};
use crate::Ampx;

/// Takes a webhook of GitHub, once: whoever waits for what changed looks at once. Its signature says who sent it.
#[utoipa::path(
    post, path = "/webhooks/github", tag = "platform", operation_id = "github_webhook",
    request_body(content = Object, description = "As GitHub sends it, with `X-Hub-Signature-256`"),
    responses(
        (status = 204, description = "Taken"),
        BadBody, NoCaller, NotFound, Conflict, Internal,
    )
)]
pub(super) async fn github(State(ampx): State<Ampx>, headers: HeaderMap, body: Bytes) -> Result<StatusCode, ApiError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let headers = DeliveryHeaders {
        event: text("x-github-event"),
        delivery: text("x-github-delivery"),
        signature: text("x-hub-signature-256"),
    };
    let taken =
        ampx.take_hook(headers, &body).ok_or_else(|| Problem::new(ErrorKind::NotFound, "there is no such page"))?;
    let hooked = taken.map_err(Problem::from)?;
    tracing::debug!(event = headers.event, ?hooked, "took a webhook of GitHub");
    Ok(StatusCode::NO_CONTENT)
}
