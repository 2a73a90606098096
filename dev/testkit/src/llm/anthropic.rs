//! Anthropic's Messages, `POST /v1/messages`: a message of content blocks, each begun, filled and ended.

use serde_json::{Value, json};

use super::turn::{Tokens, ToolUse};

pub(super) fn answer(number: usize, text: &str, tools: &[ToolUse], tokens: Tokens) -> Vec<String> {
    let usage = json!({
        "input_tokens": tokens.input - tokens.cached,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
    });
    let message = json!({
        "id": format!("msg_{number}"),
        "type": "message",
        "role": "assistant",
        "model": "stub-model",
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    });
    let mut events = vec![event("message_start", json!({ "message": message }))];
    let mut at = 0;
    if !text.is_empty() {
        let delta = json!({ "type": "text_delta", "text": text });
        events.extend(block(at, &json!({ "type": "text", "text": "" }), &delta));
        at += 1;
    }
    for (n, tool) in tools.iter().enumerate() {
        let begun = json!({ "type": "tool_use", "id": format!("toolu_{number}_{n}"), "name": tool.name, "input": {} });
        let delta = json!({ "type": "input_json_delta", "partial_json": tool.arguments.to_string() });
        events.extend(block(at, &begun, &delta));
        at += 1;
    }
    let reason = if tools.is_empty() { "end_turn" } else { "tool_use" };
    let end = json!({
        "delta": { "stop_reason": reason, "stop_sequence": null },
        "usage": { "output_tokens": tokens.output },
    });
    events.push(event("message_delta", end));
    events.push(event("message_stop", json!({})));
    events
}

fn block(index: usize, begun: &Value, delta: &Value) -> [String; 3] {
    [
        event("content_block_start", json!({ "index": index, "content_block": begun })),
        event("content_block_delta", json!({ "index": index, "delta": delta })),
        event("content_block_stop", json!({ "index": index })),
    ]
}

fn event(name: &str, mut body: Value) -> String {
    body["type"] = json!(name);
    format!("event: {name}\ndata: {body}\n\n")
}
