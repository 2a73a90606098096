//! claude and amp, which write the same stream: whole messages, then one `result`. claude's as claude 2.1.197 writes
//! it; amp's from its documentation, since it works with its makers' service alone.

use serde_json::Value;

use super::event::{AgentEvent, Counted};
use super::fault::{AgentFault, FaultKind};
use crate::task::Usage;

/// claude's arguments after the program; the prompt is on stdin.
pub(super) fn claude_arguments(model: Option<&str>, session: Option<&str>) -> Vec<String> {
    let flags = ["-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "bypassPermissions"];
    let mut args: Vec<String> = flags.map(str::to_owned).into();
    for (flag, value) in [("--model", model), ("--resume", session)] {
        if let Some(value) = value {
            args.extend([flag.to_owned(), value.to_owned()]);
        }
    }
    args
}

/// amp's arguments after the program; the prompt is on stdin. It chooses its model itself.
pub(super) fn amp_arguments(session: Option<&str>) -> Vec<String> {
    let mut args: Vec<String> = Vec::new();
    if let Some(session) = session {
        args.extend(["threads".to_owned(), "continue".to_owned(), session.to_owned()]);
    }
    args.extend(["--execute", "--stream-json", "--dangerously-allow-all"].map(str::to_owned));
    args
}

/// claude tells usage and cost of the whole go at its end. It repeats a message's usage with each of its blocks, so
/// those are not counted.
pub(super) fn read_claude(event: &Value) -> Option<Vec<AgentEvent>> {
    let mut events = read(event)?;
    if event["type"] == "result" {
        let used = Usage { cost_usd: event["total_cost_usd"].as_f64(), ..tokens(&event["usage"]) };
        events.insert(0, AgentEvent::Usage(Counted::Go(used)));
    }
    Some(events)
}

/// amp tells the usage of each message, tokens of the cache among the input, and no cost.
pub(super) fn read_amp(event: &Value) -> Option<Vec<AgentEvent>> {
    let mut events = read(event)?;
    let usage = &event["message"]["usage"];
    if event["type"] == "assistant" && usage.is_object() {
        let used = Usage {
            input_tokens: usage["input_tokens"].as_u64(),
            output_tokens: usage["output_tokens"].as_u64(),
            cost_usd: None,
        };
        events.push(AgentEvent::Usage(Counted::Step(used)));
    }
    Some(events)
}

fn read(event: &Value) -> Option<Vec<AgentEvent>> {
    let events = match event["type"].as_str()? {
        "system" if event["subtype"] == "init" => {
            vec![AgentEvent::Started { session: event["session_id"].as_str()?.to_owned() }]
        }
        "assistant" => {
            let blocks = event["message"]["content"].as_array().map(Vec::as_slice).unwrap_or_default();
            blocks.iter().filter_map(block).collect()
        }
        "result" => vec![result(event)],
        // It tries again by itself, ten times and for minutes, also where its key is refused.
        "system" if event["subtype"] == "api_retry" => {
            let error = event["error"].as_str().unwrap_or("an error without a message");
            vec![AgentEvent::Error(AgentFault::told(error, event["error_status"].as_u64()))]
        }
        "system" | "user" | "stream_event" => Vec::new(),
        _ => return None,
    };
    Some(events)
}

fn block(block: &Value) -> Option<AgentEvent> {
    match block["type"].as_str()? {
        "text" => AgentEvent::message(block["text"].as_str()?),
        "tool_use" => {
            let (tool, input) = (block["name"].as_str()?, &block["input"]);
            let path = input["file_path"].as_str().or(input["path"].as_str());
            match (tool, path) {
                ("Edit" | "MultiEdit" | "Write" | "NotebookEdit" | "edit_file" | "create_file", Some(path)) => {
                    Some(AgentEvent::Edit { path: path.to_owned() })
                }
                _ => Some(AgentEvent::tool(tool, input)),
            }
        }
        _ => None,
    }
}

fn result(event: &Value) -> AgentEvent {
    let subtype = event["subtype"].as_str().unwrap_or_default();
    let is_error = event["is_error"].as_bool().unwrap_or(subtype != "success");
    // A refused login comes as a success that is an error.
    if !is_error && subtype == "success" {
        return AgentEvent::Finished;
    }
    let errors = event["errors"].as_array().and_then(|errors| errors.first());
    let message = [&event["error"], &event["result"], errors.unwrap_or(&Value::Null)]
        .into_iter()
        .find_map(|text| text.as_str().filter(|text| !text.is_empty()));
    match (subtype, message) {
        ("error_max_turns", _) => {
            AgentEvent::Error(AgentFault::new(FaultKind::Other, "it took as many turns as it may"))
        }
        (_, Some(message)) => AgentEvent::Error(AgentFault::told(message, event["api_error_status"].as_u64())),
        (subtype, None) => AgentEvent::Error(AgentFault::new(FaultKind::Other, subtype)),
    }
}

/// claude's count; tokens of the cache are not among `input_tokens` here and elsewhere they are, so they are added.
fn tokens(usage: &Value) -> Usage {
    let count = |key: &str| usage[key].as_u64();
    let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"].into_iter().filter_map(count);
    let cached = cached.fold(0, u64::saturating_add);
    Usage {
        input_tokens: count("input_tokens").map(|input| input.saturating_add(cached)),
        output_tokens: count("output_tokens"),
        cost_usd: None,
    }
}
