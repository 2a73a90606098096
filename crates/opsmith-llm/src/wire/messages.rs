//! Anthropic's Messages, version 2023-06-01.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{BadAnswer, Step};
use crate::draft::Draft;
use crate::refusal::Refused;
use crate::{AssistantPart, Message, PromptCaching, Request, StopReason, ToolChoice, Usage, UserPart};

pub(super) fn body(request: &Request, streaming: bool) -> Value {
    let caching = request.prompt_caching != PromptCaching::Off;
    let mut body = json!({
        "model": request.model,
        "max_tokens": request.max_tokens,
        "messages": messages(request),
        "stream": streaming,
    });
    if let Some(system) = &request.system {
        let mut block = json!({ "type": "text", "text": system });
        if caching {
            keep(&mut block);
        }
        body["system"] = json!([block]);
    }
    if !request.tools.is_empty() {
        let tool = |tool: &crate::Tool| json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters });
        let mut tools: Vec<Value> = request.tools.iter().map(tool).collect();
        // What is kept reaches from the first tool to the mark.
        if let Some(last) = tools.last_mut().filter(|_| caching) {
            keep(last);
        }
        body["tools"] = Value::Array(tools);
        body["tool_choice"] = match &request.tool_choice {
            ToolChoice::Auto => json!({ "type": "auto" }),
            ToolChoice::None => json!({ "type": "none" }),
            ToolChoice::Required => json!({ "type": "any" }),
            ToolChoice::Named(name) => json!({ "type": "tool", "name": name }),
        };
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = json!(temperature);
    }
    if !request.stop.is_empty() {
        body["stop_sequences"] = json!(request.stop);
    }
    if let Some(output) = &request.output {
        body["output_config"] = json!({ "format": { "type": "json_schema", "schema": output.schema } });
    }
    body
}

fn messages(request: &Request) -> Vec<Value> {
    let message = |message: &Message| match message {
        Message::User(parts) => json!({ "role": "user", "content": parts.iter().filter_map(user).collect::<Vec<_>>() }),
        Message::Assistant(parts) => {
            json!({ "role": "assistant", "content": parts.iter().filter_map(assistant).collect::<Vec<_>>() })
        }
    };
    let mut messages: Vec<Value> = request.messages.iter().map(message).collect();
    if request.prompt_caching == PromptCaching::Conversation {
        let content = messages.last_mut().and_then(|last| last["content"].as_array_mut());
        if let Some(block) = content.and_then(|content| content.last_mut()) {
            keep(block);
        }
    }
    messages
}

fn keep(block: &mut Value) {
    block["cache_control"] = json!({ "type": "ephemeral" });
}

/// An empty text would be refused.
fn text(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({ "type": "text", "text": text }))
}

fn user(part: &UserPart) -> Option<Value> {
    match part {
        UserPart::Text(words) => text(words),
        UserPart::ToolResult { call_id, content, is_error } => {
            Some(json!({ "type": "tool_result", "tool_use_id": call_id, "content": content, "is_error": is_error }))
        }
    }
}

fn assistant(part: &AssistantPart) -> Option<Value> {
    match part {
        AssistantPart::Text(words) => text(words),
        AssistantPart::Opaque(block) => Some(block.clone()),
        AssistantPart::ToolCall(call) => {
            // The wire wants an object; what the model wrote wrongly it is told in the result.
            let input = call.parse::<Map<String, Value>>().unwrap_or_default();
            Some(json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input }))
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Whole,
    },
    ContentBlockStart {
        index: u64,
        content_block: Value,
    },
    ContentBlockDelta {
        index: u64,
        delta: Delta,
    },
    MessageDelta {
        delta: End,
        usage: Option<Tokens>,
    },
    MessageStop,
    Error {
        error: Value,
    },
    /// `ping`, `content_block_stop`, and what is yet to come.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct End {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Whole {
    id: Option<String>,
    model: Option<String>,
    #[serde(default)]
    content: Vec<Value>,
    stop_reason: Option<String>,
    usage: Option<Tokens>,
}

#[derive(Clone, Copy, Deserialize)]
struct Tokens {
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Tokens {
    /// Later figures are for the whole answer so far, and tell only what changed.
    fn over(self, before: Usage) -> Usage {
        Usage {
            input: self.input_tokens.or(before.input),
            cache_read: self.cache_read_input_tokens.or(before.cache_read),
            cache_write: self.cache_creation_input_tokens.or(before.cache_write),
            output: self.output_tokens.or(before.output),
        }
    }
}

fn stop(word: &str) -> StopReason {
    match word {
        "end_turn" => StopReason::EndTurn,
        "max_tokens" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence,
        "tool_use" => StopReason::ToolUse,
        "refusal" => StopReason::Refusal,
        "pause_turn" => StopReason::Paused,
        "model_context_window_exceeded" => StopReason::ContextFull,
        other => StopReason::Other(other.chars().take(40).collect()),
    }
}

pub(super) fn take(draft: &mut Draft, data: &str) -> Result<Step, BadAnswer> {
    let event = serde_json::from_str(data).map_err(|_| BadAnswer::Garbled("an event that is not a Messages event"))?;
    match event {
        Event::MessageStart { message } => {
            draft.id = message.id;
            draft.model = message.model;
            if let Some(tokens) = message.usage {
                draft.usage = tokens.over(draft.usage);
                // The figure at the beginning is not what the answer took.
                draft.usage.output = None;
            }
            Ok(Step::Quiet)
        }
        Event::ContentBlockStart { index, content_block } => begin(draft, index, content_block),
        Event::ContentBlockDelta { index, delta } => match delta {
            Delta::Text { text } => {
                draft.add_text(index, &text);
                Ok(Step::Text(text))
            }
            Delta::InputJson { partial_json } if draft.add_arguments(index, &partial_json) => Ok(Step::Quiet),
            Delta::InputJson { .. } => Err(BadAnswer::Garbled("arguments of a tool call that did not begin")),
            Delta::Thinking { thinking } => {
                draft.add_opaque(index, "thinking", &thinking);
                Ok(Step::Quiet)
            }
            Delta::Signature { signature } => {
                draft.add_opaque(index, "signature", &signature);
                Ok(Step::Quiet)
            }
            Delta::Other => Ok(Step::Quiet),
        },
        Event::MessageDelta { delta, usage } => {
            draft.stop = delta.stop_reason.as_deref().map(stop).or(draft.stop.take());
            if let Some(tokens) = usage {
                draft.usage = tokens.over(draft.usage);
            }
            Ok(Step::Quiet)
        }
        Event::MessageStop => Ok(Step::End),
        Event::Error { error } => Err(BadAnswer::Refused(Refused::of_event(&error))),
        Event::Other => Ok(Step::Quiet),
    }
}

fn begin(draft: &mut Draft, index: u64, block: Value) -> Result<Step, BadAnswer> {
    let field = |name: &str| block[name].as_str().map(str::to_owned);
    match block["type"].as_str() {
        Some("text") => {
            let text = field("text").unwrap_or_default();
            draft.add_text(index, &text);
            Ok(if text.is_empty() { Step::Quiet } else { Step::Text(text) })
        }
        Some("tool_use") => {
            let (Some(id), Some(name)) = (field("id"), field("name")) else {
                return Err(BadAnswer::Garbled("a tool call without id or name"));
            };
            draft.begin_tool(index, id, name);
            Ok(Step::Quiet)
        }
        Some(_) => {
            draft.begin_opaque(index, block);
            Ok(Step::Quiet)
        }
        None => Err(BadAnswer::Garbled("a block without a type")),
    }
}

pub(super) fn whole(body: &[u8]) -> Result<Draft, BadAnswer> {
    let answer: Whole =
        serde_json::from_slice(body).map_err(|_| BadAnswer::Garbled("a body that is not a Messages answer"))?;
    let mut draft = Draft::of(answer.id, answer.model);
    for (index, block) in (0..).zip(answer.content) {
        let input = block.get("input").filter(|_| block["type"] == "tool_use").map(Value::to_string);
        begin(&mut draft, index, block)?;
        if let Some(input) = input {
            draft.add_arguments(index, &input);
        }
    }
    draft.stop = Some(stop(&answer.stop_reason.ok_or(BadAnswer::Garbled("an answer without a stop reason"))?));
    if let Some(tokens) = answer.usage {
        draft.usage = tokens.over(Usage::default());
    }
    Ok(draft)
}
