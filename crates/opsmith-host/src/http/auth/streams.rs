use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::StreamExt as _;

use super::{Gate, Identity};

/// Ends an event stream soon after its reader's right to it ended; another answer is as it is.
pub(super) fn end_with_right(gate: &Gate, identity: Identity, response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
        return response;
    }
    let gate = gate.clone();
    let ended = async move {
        loop {
            tokio::time::sleep(gate.recheck()).await;
            if !gate.still_admits(&identity).await {
                return;
            }
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(ended))))
}
