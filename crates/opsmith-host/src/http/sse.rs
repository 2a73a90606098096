use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _};

/// Shorter than the idle limit of usual proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ID_LIMIT_BYTES: usize = 128;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEvent {
    /// What a client sends back as `Last-Event-ID` to go on after this event; empty for none.
    pub id: String,
    /// The event's name, such as `status`.
    pub name: String,
    /// The content; may have several lines.
    pub data: String,
}

/// Answers with `stream` as server-sent events, with a comment every 15 s so that nobody closes an idle connection.
///
/// The stream is dropped when the client goes, and ended by [`super::serve`] at shutdown.
pub fn events(stream: impl Stream<Item = ServerEvent> + Send + 'static) -> Response {
    let stream = stream.map(|event| {
        let mut wire = Event::default().event(one_line(&event.name)).data(line_feeds(&event.data));
        if !event.id.is_empty() {
            wire = wire.id(one_line(&event.id));
        }
        Ok::<_, Infallible>(wire)
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}

/// A bare or paired carriage return would end a `data:` field in a way that not every client reads alike.
fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A line break or NUL in an id or a name would end the field, or the task that writes it.
fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The id of the last event a client has seen, from `Last-Event-ID`; `None` when it is absent, empty or too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEventId(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for LastEventId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let sent = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let id = sent.map(str::trim).filter(|id| !id.is_empty() && id.len() <= ID_LIMIT_BYTES);
        Ok(Self(id.map(str::to_owned)))
    }
}
