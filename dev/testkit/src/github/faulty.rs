//! Answers that go wrong on their way.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Response, StatusCode, header};
use futures::{FutureExt as _, StreamExt as _, stream};

use super::answer::Answer;
use super::fault::Fault;
use super::wire::Line;

const PAGE: &str = "<!DOCTYPE html>\n<html>\n<head><title>Unicorn! &middot; GitHub</title></head>\n<body>\n\
                    <p>We had issues producing the response to your request.</p>\n</body>\n</html>\n";

/// The answer to a request that is not done.
pub(super) fn instead(fault: &Fault) -> Option<Response<Body>> {
    match fault {
        Fault::Status(status) => {
            let Answer::One { body, .. } = Answer::refuse(*status, "as the test wants it") else { return None };
            Some(respond(*status, "application/json; charset=utf-8", Body::from(body.to_string())))
        }
        Fault::Garbled(text) => Some(respond(200, "application/json; charset=utf-8", Body::from(*text))),
        Fault::Html(status) => Some(respond(*status, "text/html", Body::from(PAGE))),
        Fault::Broken => Some(broken()),
        Fault::Endless => {
            let start = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"[\"")) });
            let rest = stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 64 * 1024])));
            Some(respond(200, "application/json; charset=utf-8", Body::from_stream(start.chain(rest))))
        }
        Fault::Lost | Fault::Slow(_) | Fault::Reset | Fault::Truncated | Fault::Dripping(_) => None,
    }
}

/// What becomes of the answer to a request that was done.
pub(super) fn spoil(fault: &Fault, response: Response<Body>, line: Option<&Line>) -> Response<Body> {
    match fault {
        Fault::Lost => broken(),
        Fault::Reset => {
            if let Some(line) = line {
                line.break_off();
            }
            reset()
        }
        Fault::Truncated => rewritten(response, |body| Body::from(body.slice(..body.len() / 2))),
        Fault::Dripping(pause) => {
            let pause = *pause;
            rewritten(response, move |body| dripping(&body, pause))
        }
        Fault::Status(_) | Fault::Broken | Fault::Slow(_) | Fault::Garbled(_) | Fault::Html(_) | Fault::Endless => {
            response
        }
    }
}

fn respond(status: u16, kind: &str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response.headers_mut().insert(header::CONTENT_TYPE, kind.parse().expect("a type"));
    response
}

fn rewritten(response: Response<Body>, how: impl FnOnce(Bytes) -> Body) -> Response<Body> {
    let (head, body) = response.into_parts();
    // The fake's own bodies are there at once.
    let body = to_bytes(body, usize::MAX).now_or_never().expect("a whole body").expect("a body");
    Response::from_parts(head, how(body))
}

fn dripping(body: &Bytes, pause: Duration) -> Body {
    let pieces: Vec<Bytes> = body.chunks(64).map(Bytes::copy_from_slice).collect();
    Body::from_stream(stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(piece)
    }))
}

/// An answer that ends in the middle.
fn broken() -> Response<Body> {
    let pieces = stream::iter([Ok(Bytes::from_static(b"{\"id\":")), Err(std::io::Error::other("broken"))]);
    Response::builder().header(header::CONTENT_LENGTH, 1_000).body(Body::from_stream(pieces)).expect("a response")
}

/// An answer in two writes, the second of which never arrives.
fn reset() -> Response<Body> {
    let first = stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"{\"id\":")) });
    let second = stream::once(async {
        tokio::task::yield_now().await;
        Ok(Bytes::from_static(b"1,"))
    });
    Response::builder()
        .header(header::CONTENT_LENGTH, 1_000)
        .body(Body::from_stream(first.chain(second)))
        .expect("a response")
}
