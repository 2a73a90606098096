//! OpenAI's chat completions, and those of servers like it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{BadAnswer, Step};
use crate::draft::Draft;
use crate::refusal::Refused;
use crate::{AssistantPart, Message, Request, StopReason, ToolChoice, Usage, UserPart};

/// The text stands before the calls, which have indices of their own.
const TEXT: u64 = 0;
const FIRST_CALL: u64 = 1;

pub(super) fn body(request: &Request, streaming: bool, limit: &'static str) -> Value {
    let mut messages: Vec<Value> = Vec::new();
    messages.extend(request.system.as_ref().map(|system| json!({ "role": "system", "content": system })));
    for message in &request.messages {
        match message {
            Message::User(parts) => messages.extend(parts.iter().map(user)),
            Message::Assistant(parts) => messages.push(assistant(parts)),
        }
    }
    let mut body = json!({ "model": request.model, "messages": messages, "stream": streaming });
    body[limit] = json!(request.max_tokens);
    if streaming {
        body["stream_options"] = json!({ "include_usage": true });
    }
    if !request.tools.is_empty() {
        let tool = |tool: &crate::Tool| {
            let function = json!({ "name": tool.name, "description": tool.description, "parameters": tool.parameters });
            json!({ "type": "function", "function": function })
        };
        body["tools"] = Value::Array(request.tools.iter().map(tool).collect());
        body["tool_choice"] = match &request.tool_choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
        };
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = json!(temperature);
    }
    if request.logprobs {
        body["logprobs"] = json!(true);
    }
    if !request.stop.is_empty() {
        body["stop"] = json!(request.stop);
    }
    if let Some(output) = &request.output {
        let schema = json!({ "name": output.name, "schema": output.schema, "strict": true });
        body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
    }
    body
}

fn user(part: &UserPart) -> Value {
    match part {
        UserPart::Text(text) => json!({ "role": "user", "content": text }),
        // The wire has no word for a failed call; what the tool says tells it.
        UserPart::ToolResult { call_id, content, is_error: _ } => {
            json!({ "role": "tool", "tool_call_id": call_id, "content": content })
        }
    }
}

fn assistant(parts: &[AssistantPart]) -> Value {
    let mut text = String::new();
    let mut calls = Vec::new();
    for part in parts {
        match part {
            AssistantPart::Text(words) => text.push_str(words),
            AssistantPart::ToolCall(call) => {
                let function = json!({ "name": call.name, "arguments": call.arguments });
                calls.push(json!({ "id": call.id, "type": "function", "function": function }));
            }
            // A block of another wire's.
            AssistantPart::Opaque(_) => {}
        }
    }
    let content = if text.is_empty() && !calls.is_empty() { Value::Null } else { Value::String(text) };
    let mut message = json!({ "role": "assistant", "content": content });
    if !calls.is_empty() {
        message["tool_calls"] = Value::Array(calls);
    }
    message
}

#[derive(Deserialize)]
struct Answer {
    id: Option<String>,
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<Tokens>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    /// Of a stream.
    delta: Option<Said>,
    /// Of a whole answer.
    message: Option<Said>,
    finish_reason: Option<String>,
    logprobs: Option<Logprobs>,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Option<Vec<TokenLogprob>>,
}

#[derive(Deserialize)]
struct TokenLogprob {
    logprob: f64,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptTokens>,
}

#[derive(Deserialize)]
struct PromptTokens {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

impl Tokens {
    /// The wire counts cached tokens among those of the prompt.
    fn usage(&self) -> Usage {
        let details = self.prompt_tokens_details.as_ref();
        let cache_read = details.and_then(|details| details.cached_tokens);
        let cache_write = details.and_then(|details| details.cache_write_tokens);
        let cached = cache_read.unwrap_or(0).saturating_add(cache_write.unwrap_or(0));
        Usage {
            input: self.prompt_tokens.map(|all| all.saturating_sub(cached)),
            cache_read,
            cache_write,
            output: self.completion_tokens,
        }
    }
}

fn stop(word: &str) -> StopReason {
    match word {
        "stop" => StopReason::EndTurn,
        "length" => StopReason::MaxTokens,
        "tool_calls" | "function_call" => StopReason::ToolUse,
        "content_filter" => StopReason::Refusal,
        other => StopReason::Other(other.chars().take(40).collect()),
    }
}

pub(super) fn take(draft: &mut Draft, data: &str) -> Result<Step, BadAnswer> {
    if data.trim() == "[DONE]" {
        return Ok(Step::End);
    }
    let chunk = serde_json::from_str(data).map_err(|_| BadAnswer::Garbled("an event that is not a chunk"))?;
    add(draft, chunk)
}

pub(super) fn whole(body: &[u8]) -> Result<Draft, BadAnswer> {
    let answer = serde_json::from_slice(body).map_err(|_| BadAnswer::Garbled("a body that is not a completion"))?;
    let mut draft = Draft::default();
    add(&mut draft, answer)?;
    if draft.stop.is_none() {
        return Err(BadAnswer::Garbled("an answer without a finish reason"));
    }
    Ok(draft)
}

fn add(draft: &mut Draft, answer: Answer) -> Result<Step, BadAnswer> {
    if let Some(error) = answer.error {
        return Err(BadAnswer::Refused(Refused::of_event(&error)));
    }
    let Some(choices) = answer.choices else { return Err(BadAnswer::Garbled("an answer without choices")) };
    draft.id = answer.id.or(draft.id.take());
    draft.model = answer.model.or(draft.model.take());
    if let Some(tokens) = answer.usage {
        draft.usage = tokens.usage();
    }
    let mut words = String::new();
    // One is asked for.
    for choice in choices.into_iter().filter(|choice| choice.index == 0) {
        if let Some(said) = choice.delta.or(choice.message) {
            say(draft, said, &mut words)?;
        }
        if let Some(tokens) = choice.logprobs.and_then(|logprobs| logprobs.content) {
            draft.logprobs.get_or_insert_default().extend(tokens.iter().map(|token| token.logprob));
        }
        if let Some(reason) = choice.finish_reason
            && draft.stop != Some(StopReason::Refusal)
        {
            draft.stop = Some(stop(&reason));
        }
    }
    Ok(if words.is_empty() { Step::Quiet } else { Step::Text(words) })
}

fn say(draft: &mut Draft, said: Said, words: &mut String) -> Result<(), BadAnswer> {
    if let Some(refusal) = said.refusal.filter(|refusal| !refusal.is_empty()) {
        draft.stop = Some(StopReason::Refusal);
        draft.add_text(TEXT, &refusal);
        words.push_str(&refusal);
    }
    if let Some(text) = said.content.filter(|text| !text.is_empty()) {
        draft.add_text(TEXT, &text);
        words.push_str(&text);
    }
    for (place, call) in (0..).zip(said.tool_calls.unwrap_or_default()) {
        let index = call.index.unwrap_or(place).saturating_add(FIRST_CALL);
        let function = call.function.unwrap_or(Function { name: None, arguments: None });
        if !draft.has_tool(index) {
            let (Some(id), Some(name)) = (call.id, function.name) else {
                return Err(BadAnswer::Garbled("a tool call without id or name"));
            };
            draft.begin_tool(index, id, name);
        }
        if let Some(arguments) = function.arguments.filter(|arguments| !arguments.is_empty()) {
            draft.add_arguments(index, &arguments);
        }
    }
    Ok(())
}
