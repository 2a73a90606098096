use axum::Router;
use axum::response::Response;
use axum::routing::get;
use futures::StreamExt as _;
use futures::stream;
use opsmith_host::http::{LastEventId, ServeOptions, ServerEvent, events};

use crate::support::Server;

/// Two events after the last one seen, then silence.
async fn numbers(LastEventId(last): LastEventId) -> Response {
    let last: u64 = last.and_then(|id| id.parse().ok()).unwrap_or(0);
    let some = (last + 1..last + 3).map(|n| ServerEvent {
        id: n.to_string(),
        name: "number\nid: 99".to_owned(),
        data: format!("line {n}\r\nsecond\rthird"),
    });
    events(stream::iter(some).chain(stream::pending()))
}

async fn server() -> Server {
    Server::start(Router::new().route("/events", get(numbers)), ServeOptions::default()).await
}

async fn read_until(response: &mut reqwest::Response, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    text
}

#[tokio::test]
async fn a_stream_goes_on_after_the_last_event_seen() {
    let server = server().await;
    let mut first = server.get("/events").send().await.unwrap();
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    let text = read_until(&mut first, "id: 2\n\n").await;
    assert!(text.starts_with("event: numberid: 99\ndata: line 1\ndata: second\ndata: third\nid: 1\n\n"), "{text}");
    let mut next = server.get("/events").header("last-event-id", "2").send().await.unwrap();
    assert!(read_until(&mut next, "id: 4\n\n").await.contains("line 3"));
    let too_long = server.get("/events").header("last-event-id", "9".repeat(200));
    assert!(read_until(&mut too_long.send().await.unwrap(), "id: 2\n\n").await.contains("line 1"));
}

#[tokio::test]
async fn an_open_stream_does_not_hold_up_shutdown() {
    let server = server().await;
    let mut open = server.get("/events").send().await.unwrap();
    read_until(&mut open, "id: 2\n\n").await;
    server.shutdown.cancel();
    assert_eq!(open.chunk().await.unwrap(), None, "the stream ends whole, not broken");
    server.ended.await.unwrap().unwrap();
}
