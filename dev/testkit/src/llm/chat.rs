//! OpenAI's chat completions, `POST /v1/chat/completions`: chunks without names, then `[DONE]`.

use serde_json::{Value, json};

use super::turn::{Tokens, ToolUse};

pub(super) fn answer(number: usize, text: &str, tools: &[ToolUse], tokens: Tokens) -> Vec<String> {
    let chunk = |choices: Value, usage: Value| {
        let body = json!({
            "id": format!("chatcmpl-{number}"),
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "stub-model",
            "choices": choices,
            "usage": usage,
        });
        format!("data: {body}\n\n")
    };
    let choice = |delta: Value, finish: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "finish_reason": finish }]), Value::Null)
    };
    let mut events = vec![choice(json!({ "role": "assistant", "content": text }), Value::Null)];
    for (n, tool) in tools.iter().enumerate() {
        let call = json!({
            "index": n,
            "id": format!("call_{number}_{n}"),
            "type": "function",
            "function": { "name": tool.name, "arguments": tool.arguments.to_string() },
        });
        events.push(choice(json!({ "tool_calls": [call] }), Value::Null));
    }
    let finish = if tools.is_empty() { "stop" } else { "tool_calls" };
    events.push(choice(json!({}), json!(finish)));
    let usage = json!({
        "prompt_tokens": tokens.input,
        "prompt_tokens_details": { "cached_tokens": tokens.cached },
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
    });
    events.push(chunk(json!([]), usage));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
