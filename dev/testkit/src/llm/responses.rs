//! OpenAI's Responses API, `POST /v1/responses`: events named by their `type`.

use serde_json::{Value, json};

use super::turn::{Tokens, ToolUse};

pub(super) fn answer(number: usize, text: &str, tools: &[ToolUse], tokens: Tokens) -> Vec<String> {
    let id = format!("resp_{number}");
    let begun = json!({ "id": id, "object": "response", "status": "in_progress", "output": [] });
    let mut events = vec![event("response.created", json!({ "response": begun }))];
    let mut output = Vec::new();
    if !text.is_empty() {
        let item = message(&id, text);
        let (item_id, at) = (item["id"].clone(), output.len());
        let mut empty = item.clone();
        empty["content"] = json!([]);
        events.push(event("response.output_item.added", json!({ "output_index": at, "item": empty })));
        let delta = json!({ "item_id": item_id, "output_index": at, "content_index": 0, "delta": text });
        events.push(event("response.output_text.delta", delta));
        events.push(event("response.output_item.done", json!({ "output_index": at, "item": item })));
        output.push(item);
    }
    for (n, tool) in tools.iter().enumerate() {
        let item = json!({
            "type": "function_call",
            "id": format!("fc_{number}_{n}"),
            "call_id": format!("call_{number}_{n}"),
            "name": tool.name,
            "arguments": tool.arguments.to_string(),
            "status": "completed",
        });
        events.push(event("response.output_item.done", json!({ "output_index": output.len(), "item": item })));
        output.push(item);
    }
    let usage = json!({
        "input_tokens": tokens.input,
        "input_tokens_details": { "cached_tokens": tokens.cached },
        "output_tokens": tokens.output,
        "output_tokens_details": { "reasoning_tokens": 0 },
        "total_tokens": tokens.input + tokens.output,
    });
    let done = json!({ "id": id, "object": "response", "status": "completed", "output": output, "usage": usage });
    events.push(event("response.completed", json!({ "response": done })));
    events
}

fn message(id: &str, text: &str) -> Value {
    json!({
        "type": "message",
        "id": format!("msg_{id}"),
        "role": "assistant",
        "status": "completed",
        "content": [{ "type": "output_text", "text": text, "annotations": [] }],
    })
}

fn event(name: &str, mut body: Value) -> String {
    body["type"] = json!(name);
    format!("event: {name}\ndata: {body}\n\n")
}
