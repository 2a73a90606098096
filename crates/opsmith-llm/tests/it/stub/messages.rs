//! Anthropic's Messages as they are streamed.

use serde_json::{Value, json};

use super::{Script, answer, stream};

pub fn event(name: &str, mut body: Value) -> String {
    body["type"] = json!(name);
    format!("event: {name}\ndata: {body}\n\n")
}

pub fn begin(input: u64, cache_read: u64, cache_write: u64) -> String {
    let usage = json!({ "input_tokens": input, "cache_read_input_tokens": cache_read,
        "cache_creation_input_tokens": cache_write, "output_tokens": 1 });
    let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5-20260922",
        "content": [], "stop_reason": null, "usage": usage });
    event("message_start", json!({ "message": message })) + ": a comment\n\n" + &event("ping", json!({}))
}

pub fn block(index: u64, begun: &Value, deltas: &[Value]) -> String {
    let mut events = event("content_block_start", json!({ "index": index, "content_block": begun }));
    for delta in deltas {
        events += &event("content_block_delta", json!({ "index": index, "delta": delta }));
    }
    events + &event("content_block_stop", json!({ "index": index }))
}

pub fn text(index: u64, pieces: &[&str]) -> String {
    let deltas: Vec<Value> = pieces.iter().map(|piece| json!({ "type": "text_delta", "text": piece })).collect();
    block(index, &json!({ "type": "text", "text": "" }), &deltas)
}

pub fn end(stop: &str, output: u64) -> String {
    let delta =
        json!({ "delta": { "stop_reason": stop, "stop_sequence": null }, "usage": { "output_tokens": output } });
    event("message_delta", delta) + &event("message_stop", json!({}))
}

/// A whole answer of one text, of 100 tokens read and 20 written.
pub fn say(words: &str) -> Script {
    stream(begin(100, 0, 0) + &text(0, &[words]) + &end("end_turn", 20))
}

pub fn refuse(status: u16, kind: &str, headers: &str) -> Script {
    let error = json!({ "type": kind, "message": format!("The API says {kind}") });
    answer(status, headers, &json!({ "type": "error", "error": error, "request_id": "req_1" }))
}
