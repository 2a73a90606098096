//! Providers that refuse, break and lie: what is tried again, what is not, and what is kept.

use std::sync::Arc;

use opsmith_llm::{Client, LlmError, Provider, StreamEvent};
use opsmith_model::{ErrorKind, Hint, Secret};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::stub::{Act, Gateway, Script, answer, chat, messages, send, stream, stream_begins};
use crate::{GPT, KEY, OPUS, anthropic, hello, openai, options};

/// Every text of an error, its causes among them.
fn words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error} {error:?} ")).collect()
}

/// Asks with retries, and gives the answer's text or error with the number of requests that came.
async fn asked_of_anthropic(scripts: Vec<Script>) -> (Result<String, LlmError>, usize) {
    let gateway = Gateway::start(scripts).await;
    let client = Client::new(anthropic(&gateway), options()).unwrap();
    let answer = client.complete(&hello(OPUS)).await.map(|completion| completion.text());
    (answer, gateway.asked().len())
}

#[tokio::test]
async fn what_may_pass_is_asked_again() {
    for storm in [
        messages::refuse(429, "rate_limit_error", "retry-after: 0\r\n"),
        messages::refuse(529, "overloaded_error", ""),
        messages::refuse(503, "overloaded_error", ""),
        messages::refuse(500, "api_error", ""),
        vec![Act::Reset],
        vec![],
        vec![stream_begins(), Act::Reset],
        stream(messages::begin(1, 0, 0)),
        stream(messages::event("error", json!({ "error": { "type": "overloaded_error", "message": "Overloaded" } }))),
    ] {
        let (answer, requests) =
            asked_of_anthropic(vec![storm.clone(), storm.clone(), storm, messages::say("Well.")]).await;
        assert_eq!((answer.unwrap().as_str(), requests), ("Well.", 4));
    }
}

#[tokio::test]
async fn a_storm_without_end_ends_with_its_own_error() {
    let storm = messages::refuse(429, "rate_limit_error", "retry-after: 0\r\n");
    let (answer, requests) = asked_of_anthropic(vec![storm]).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), requests), (ErrorKind::RateLimited, 4));
    let long = messages::refuse(429, "rate_limit_error", "retry-after: 600\r\n");
    let (answer, requests) = asked_of_anthropic(vec![long]).await;
    assert!(matches!(answer, Err(LlmError::RateLimited { retry_after: Some(after), .. }) if after.as_secs() == 600));
    assert_eq!(requests, 1, "ten minutes are more than anyone waits");
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    for (status, word, kind) in [
        (401, "authentication_error", ErrorKind::Unauthenticated),
        (403, "permission_error", ErrorKind::Denied),
        (400, "invalid_request_error", ErrorKind::Invalid),
        (413, "request_too_large", ErrorKind::TooLarge),
    ] {
        let (answer, requests) = asked_of_anthropic(vec![messages::refuse(status, word, "")]).await;
        let error = answer.unwrap_err();
        assert_eq!((error.kind(), requests), (kind, 1), "{error}");
    }
    for (status, word, kind) in [
        (404, "model_not_found", ErrorKind::NotFound),
        (429, "insufficient_quota", ErrorKind::Unavailable),
        (400, "context_length_exceeded", ErrorKind::TooLarge),
    ] {
        let gateway = Gateway::start(vec![chat::refuse(status, word, "")]).await;
        let client = Client::new(openai(&gateway), options()).unwrap();
        let error = client.complete(&hello(GPT)).await.unwrap_err();
        assert_eq!((error.kind(), gateway.asked().len()), (kind, 1), "{error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_keeps_what_came_and_is_not_asked_again() {
    let begun = messages::begin(10, 0, 0) + &messages::text(0, &["So far", " so good"]);
    let error = messages::event("error", json!({ "error": { "type": "overloaded_error", "message": "Overloaded" } }));
    let half = "event: message_delta\ndata: {\"type\":\"mess";
    for (script, kind) in [
        (vec![stream_begins(), send(begun.clone()), send(error)], ErrorKind::Unavailable),
        (stream(begun.clone()), ErrorKind::Unavailable),
        (stream(begun.clone() + half), ErrorKind::Unavailable),
        (stream(begun.clone() + "data: {\"type\":\n\n"), ErrorKind::Failed),
        (stream(begun.clone() + "data: 7\n\n"), ErrorKind::Failed),
    ] {
        let gateway = Gateway::start(vec![script]).await;
        let client = Client::new(anthropic(&gateway), options()).unwrap();
        let error = client.complete(&hello(OPUS)).await.unwrap_err();
        let partial = error.partial().unwrap();
        assert_eq!((partial.text().as_str(), partial.usage.input), ("So far so good", Some(10)));
        assert_eq!((partial.stop.clone(), partial.cost), (None, None));
        assert_eq!((error.kind(), gateway.asked().len()), (kind, 1), "{error:?}");
    }
}

#[tokio::test]
async fn a_reset_in_the_middle_is_an_error_of_the_stream() {
    let cut = Arc::new(Notify::new());
    let begun = messages::begin(10, 0, 0) + &messages::text(0, &["So far"]);
    let script = vec![stream_begins(), send(begun), Act::Until(Arc::clone(&cut)), Act::Reset];
    let gateway = Gateway::start(vec![script]).await;
    let client = Client::new(anthropic(&gateway), options()).unwrap();
    let mut stream = client.stream(&hello(OPUS)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), StreamEvent::Text("So far".to_owned()));
    cut.notify_one();
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.partial().unwrap().text(), "So far");
    assert!(stream.next().await.is_none());
    assert_eq!(gateway.asked().len(), 1);
}

#[tokio::test]
async fn garbage_is_told_as_such() {
    let page = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>Log in</html>".to_vec();
    for script in [
        vec![send(page)],
        answer(200, "", &json!([])),
        answer(200, "", &json!({ "content": [{ "text": "no type" }], "stop_reason": "end_turn" })),
        answer(200, "", &json!({ "content": [] })),
        stream("data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}}\n\n"),
        stream(messages::event(
            "content_block_delta",
            json!({ "index": 3, "delta": { "type": "input_json_delta", "partial_json": "{" } }),
        )),
    ] {
        let (answer, requests) = asked_of_anthropic(vec![script]).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, LlmError::Garbled { .. }), "{error:?}");
        assert_eq!((error.kind(), requests), (ErrorKind::Failed, 1));
    }
    for script in [
        answer(200, "", &json!({ "object": "list", "data": [] })),
        answer(200, "", &json!({ "choices": [] })),
        stream("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{}}]}}]}\n\n"),
        stream("data: {\"choices\":\"x\"}\n\n"),
    ] {
        let gateway = Gateway::start(vec![script]).await;
        let client = Client::new(openai(&gateway), options()).unwrap();
        let error = client.complete(&hello(GPT)).await.unwrap_err();
        assert!(matches!(error, LlmError::Garbled { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let line = vec![b'x'; 1 << 20];
    let event = chat::delta(json!({ "content": "x".repeat(1 << 20) })).into_bytes();
    let json = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n".to_vec();
    for (begun, endless, limit) in [
        (vec![stream_begins(), send("data: ")], line.clone(), 8),
        (vec![stream_begins()], event, 64),
        (vec![send(json)], line, 64),
    ] {
        let stopped = Arc::new(Notify::new());
        let mut script = begun;
        script.push(Act::Endless(endless, Arc::clone(&stopped)));
        let gateway = Gateway::start(vec![script]).await;
        let client = Client::new(openai(&gateway), options()).unwrap();
        let error = client.complete(&hello(GPT)).await.unwrap_err();
        let error = if let LlmError::BrokenOff { source, .. } = error { *source } else { error };
        assert!(matches!(error, LlmError::Oversized { limit_mib, .. } if limit_mib == limit), "{error:?}");
        // The connection was closed, not read to its end.
        stopped.notified().await;
    }
}

#[tokio::test]
async fn a_long_refusal_is_read_in_part() {
    let stopped = Arc::new(Notify::new());
    let head = b"HTTP/1.1 400 X\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n".to_vec();
    let script = vec![send(head), Act::Endless(vec![b'x'; 1 << 16], Arc::clone(&stopped))];
    let (answer, _) = asked_of_anthropic(vec![script]).await;
    assert!(matches!(answer, Err(LlmError::Rejected { message, .. }) if message.len() == 500));
    stopped.notified().await;
}

#[tokio::test]
async fn nobody_there_and_no_tls_are_unreachable() {
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let plain = Provider { base_url: gateway.url().replace("http:", "https:"), ..anthropic(&gateway) };
    let gone = Gateway::start(vec![messages::say("Hello.")]).await;
    let nobody = anthropic(&gone);
    drop(gone);
    for provider in [plain, nobody] {
        let address = provider.base_url.clone();
        let error = Client::new(provider, options()).unwrap().complete(&hello(OPUS)).await.unwrap_err();
        assert!(matches!(error, LlmError::Unreachable { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!error.to_string().contains(&address));
    }
    assert_eq!(gateway.asked().len(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Gateway::start(vec![messages::say("Caught.")]).await;
    let location = format!("location: {}/v1/messages\r\n", elsewhere.url());
    let (answer, _) = asked_of_anthropic(vec![answer(307, &location, &json!({}))]).await;
    assert!(matches!(answer, Err(LlmError::Rejected { status: 307, .. })));
    assert_eq!(elsewhere.asked().len(), 0, "the key went nowhere else");
}

#[tokio::test]
async fn the_key_is_in_no_error() {
    let echo = json!({ "error": { "message": format!("Incorrect API key provided: {KEY}."), "code": "x" } });
    let within = json!({ "error": { "message": format!("bad {KEY}"), "type": "api_error" } });
    for script in
        [answer(400, "", &echo), answer(403, "", &echo), answer(500, "", &echo), stream(format!("data: {within}\n\n"))]
    {
        let gateway = Gateway::start(vec![script]).await;
        let client = Client::new(openai(&gateway), options()).unwrap();
        let error = client.complete(&hello(GPT)).await.unwrap_err();
        assert!(words(&error).contains("***"), "{error:?}");
        assert!(!words(&error).contains(KEY), "{error:?}");
    }
    let wrong =
        Provider { key: Some(Secret::new("line\nbreak")), ..Provider::compatible("x", "http://127.0.0.1:1", None) };
    let error = Client::new(wrong, options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(!words(&error).contains("break"));
    let client = Client::new(Provider::openai(Secret::new(KEY)), options()).unwrap();
    assert!(!format!("{client:?}").contains(KEY));
}

#[tokio::test]
async fn an_answer_without_done_is_whole_and_one_without_a_reason_is_not() {
    let choice = |reason: Value| {
        chat::chunk(json!([{ "index": 0, "delta": { "content": "x" }, "finish_reason": reason }]), Value::Null)
    };
    let gateway = Gateway::start(vec![stream(choice(json!("stop"))), stream(choice(Value::Null))]).await;
    let client = Client::new(openai(&gateway), options()).unwrap();
    assert_eq!(client.complete(&hello(GPT)).await.unwrap().text(), "x");
    let error = client.complete(&hello(GPT)).await.unwrap_err();
    assert_eq!(error.partial().unwrap().text(), "x");
}
