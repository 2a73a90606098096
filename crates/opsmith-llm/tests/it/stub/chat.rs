//! OpenAI's chat completions as they are streamed.
#![allow(clippy::needless_pass_by_value, reason = "a test writes its JSON where it is used")]

use serde_json::{Value, json};

use super::{Script, answer, stream};

pub fn chunk(choices: Value, usage: Value) -> String {
    let body = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1-2025-04-14",
        "choices": choices, "usage": usage });
    format!("data: {body}\n\n")
}

pub fn delta(delta: Value) -> String {
    chunk(json!([{ "index": 0, "delta": delta, "finish_reason": null }]), Value::Null)
}

pub fn end(reason: &str, usage: Value) -> String {
    chunk(json!([{ "index": 0, "delta": {}, "finish_reason": reason }]), Value::Null)
        + &chunk(json!([]), usage)
        + "data: [DONE]\n\n"
}

/// 100 tokens read, of which 40 from the cache, and 20 written.
pub fn usage() -> Value {
    json!({ "prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
        "prompt_tokens_details": { "cached_tokens": 40 } })
}

/// A whole answer of one text.
pub fn say(words: &str) -> Script {
    let begun = delta(json!({ "role": "assistant", "content": "" }));
    stream(begun + &delta(json!({ "content": words })) + &end("stop", usage()))
}

pub fn refuse(status: u16, code: &str, headers: &str) -> Script {
    let error = json!({ "message": format!("The API says {code}"), "type": "x", "param": null, "code": code });
    answer(status, headers, &json!({ "error": error }))
}
