//! codex: `codex exec --json`. The stream as codex-cli 0.169.0 writes it.

use serde_json::Value;

use super::event::{AgentEvent, Counted};
use super::fault::AgentFault;
use crate::task::Usage;

/// The arguments after the program. The prompt is on stdin, which `-` stands for.
///
/// codex has walls of its own around the model's commands. Inside ours they cannot be put up, and then every command
/// and edit fails while codex exits with 0; so there they are left off.
pub(super) fn arguments(model: Option<&str>, session: Option<&str>, walled: bool, more: &[String]) -> Vec<String> {
    let mut args = vec!["exec".to_owned()];
    if session.is_some() {
        args.push("resume".to_owned());
    }
    args.push("--json".to_owned());
    let walls = if walled { "danger-full-access" } else { "workspace-write" };
    // `resume` has no `--sandbox`.
    args.extend(["-c".to_owned(), format!("sandbox_mode=\"{walls}\"")]);
    if let Some(model) = model {
        args.extend(["--model".to_owned(), model.to_owned()]);
    }
    args.extend(more.iter().cloned());
    args.extend(session.map(str::to_owned));
    args.push("-".to_owned());
    args
}

pub(super) fn read(event: &Value) -> Option<Vec<AgentEvent>> {
    let events = match event["type"].as_str()? {
        "thread.started" => vec![AgentEvent::Started { session: event["thread_id"].as_str()?.to_owned() }],
        "item.started" => started(&event["item"]),
        "item.completed" => completed(&event["item"]),
        // The counts are those of the whole thread, resumed or not.
        "turn.completed" => vec![usage(&event["usage"]), AgentEvent::Finished],
        "turn.failed" => vec![AgentEvent::Error(AgentFault::told(event["error"]["message"].as_str()?, None))],
        "error" => vec![AgentEvent::Error(AgentFault::told(event["message"].as_str()?, None))],
        "turn.started" | "item.updated" => Vec::new(),
        _ => return None,
    };
    Some(events)
}

fn started(item: &Value) -> Vec<AgentEvent> {
    match item["type"].as_str() {
        Some("command_execution") => vec![AgentEvent::tool("exec", item)],
        Some("mcp_tool_call") => vec![AgentEvent::tool(item["tool"].as_str().unwrap_or("mcp"), &item["arguments"])],
        Some("web_search") => vec![AgentEvent::tool("web_search", item)],
        _ => Vec::new(),
    }
}

fn completed(item: &Value) -> Vec<AgentEvent> {
    match item["type"].as_str() {
        Some("agent_message") => AgentEvent::message(item["text"].as_str().unwrap_or_default()).into_iter().collect(),
        // A remark, such as a model that it does not know; what ends a turn comes as `turn.failed`.
        Some("error") => AgentEvent::message(item["message"].as_str().unwrap_or_default()).into_iter().collect(),
        Some("file_change") if item["status"] == "completed" => {
            let changes = item["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
            let path = |change: &Value| Some(AgentEvent::Edit { path: change["path"].as_str()?.to_owned() });
            changes.iter().filter_map(path).collect()
        }
        _ => Vec::new(),
    }
}

fn usage(usage: &Value) -> AgentEvent {
    AgentEvent::Usage(Counted::Session(Usage {
        input_tokens: usage["input_tokens"].as_u64(),
        output_tokens: usage["output_tokens"].as_u64(),
        cost_usd: None,
    }))
}
