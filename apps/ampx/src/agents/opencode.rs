//! opencode: `opencode run --format json`. The stream as opencode 1.18.33 writes it.
//!
//! It has ACP too, but there the usage is that of the last answer alone, cost is missing, and an error comes without
//! its HTTP status.

use serde_json::Value;

use super::event::{AgentEvent, Counted};
use super::fault::{AgentFault, FaultKind};
use crate::task::Usage;

/// The arguments after the program; the prompt is on stdin.
pub(super) fn arguments(model: Option<&str>, session: Option<&str>) -> Vec<String> {
    let mut args: Vec<String> = ["run", "--format", "json", "--auto"].map(str::to_owned).into();
    for (flag, value) in [("--model", model), ("--session", session)] {
        if let Some(value) = value {
            args.extend([flag.to_owned(), value.to_owned()]);
        }
    }
    args
}

pub(super) fn read(event: &Value) -> Option<Vec<AgentEvent>> {
    let part = &event["part"];
    let mut events = match event["type"].as_str()? {
        "step_start" | "reasoning" => Vec::new(),
        "text" => AgentEvent::message(part["text"].as_str()?).into_iter().collect(),
        "tool_use" => tool(part),
        "step_finish" => step_finish(part),
        "error" => vec![AgentEvent::Error(error(&event["error"]))],
        _ => return None,
    };
    if let Some(session) = event["sessionID"].as_str() {
        events.insert(0, AgentEvent::Started { session: session.to_owned() });
    }
    Some(events)
}

fn tool(part: &Value) -> Vec<AgentEvent> {
    let (tool, state) = (part["tool"].as_str().unwrap_or("tool"), &part["state"]);
    let input = &state["input"];
    match (tool, input["filePath"].as_str()) {
        ("write" | "edit" | "patch", Some(path)) if state["status"] == "completed" => {
            vec![AgentEvent::Edit { path: path.to_owned() }]
        }
        _ => vec![AgentEvent::tool(tool, input)],
    }
}

fn step_finish(part: &Value) -> Vec<AgentEvent> {
    let mut events = vec![AgentEvent::Usage(Counted::Step(usage(part)))];
    match part["reason"].as_str() {
        Some("stop") => events.push(AgentEvent::Finished),
        Some("tool-calls") => {}
        Some("length") => events.push(fault(FaultKind::Other, "the model's answer was cut off at its longest")),
        Some("content-filter") => events.push(fault(FaultKind::Other, "the model's answer was withheld by a filter")),
        // So it is when the model's stream ends early; opencode asks again at once, without an end.
        _ => events.push(fault(FaultKind::Malformed, "the model's answer ended without its end")),
    }
    events
}

fn fault(kind: FaultKind, message: &str) -> AgentEvent {
    AgentEvent::Error(AgentFault::new(kind, message))
}

/// Tokens read from the cache are not among `input` here; elsewhere they are, so they are added. A cost of 0 for an
/// answer is a model without a price, and unknown.
fn usage(part: &Value) -> Usage {
    let tokens = &part["tokens"];
    let count = |kind: &str| tokens["cache"][kind].as_u64().unwrap_or(0);
    let cached = count("read").saturating_add(count("write"));
    let used = tokens["input"].as_u64().map(|input| input.saturating_add(cached));
    let nothing = used.unwrap_or(0) == 0;
    Usage {
        input_tokens: used,
        output_tokens: tokens["output"].as_u64(),
        cost_usd: part["cost"].as_f64().filter(|cost| *cost > 0.0 || (*cost == 0.0 && nothing)),
    }
}

fn error(error: &Value) -> AgentFault {
    let data = &error["data"];
    let message = data["message"].as_str().or(error["name"].as_str()).unwrap_or("an error without a message");
    if error["name"] == "ProviderAuthError" {
        return AgentFault::new(FaultKind::Auth, message);
    }
    AgentFault::told(message, data["statusCode"].as_u64())
}
