//! The Agent Client Protocol: JSON-RPC 2.0, one object a line, both ways. The part of it that a task needs, of our
//! own: initialize, one session, one prompt, and a yes to what the agent asks leave for.
//!
//! Not by the protocol's crate: it switches on `serde_json`'s `preserve_order` for every crate of the workspace, which
//! changes the bytes that digests are made of, and it bounds neither lines nor what it keeps.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::event::AgentEvent;
use super::fault::{AgentFault, FaultKind};

const VERSION: u32 = 1;
/// The protocol's code for "log in first".
const AUTH_REQUIRED: i64 = -32000;
const METHOD_NOT_FOUND: i64 = -32601;
/// How many edits are told apart, and how much text is held until it is whole.
const MOST_EDITS: usize = 10_000;
const MOST_HELD_BYTES: usize = 256 * 1024;

/// Our side of one conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    cwd: PathBuf,
    prompt: String,
    resume: Option<String>,
    stage: Stage,
    session: String,
    edits: BTreeSet<String>,
    /// What the agent says, which comes in pieces.
    held: String,
}

/// Which answer is awaited; also the id of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Initialize = 0,
    Load = 1,
    New = 2,
    Prompt = 3,
    Over = 4,
}

impl Conversation {
    pub(super) fn new(cwd: &Path, prompt: String, resume: Option<String>) -> Self {
        Self {
            cwd: cwd.to_owned(),
            prompt,
            resume,
            stage: Stage::Initialize,
            session: String::new(),
            edits: BTreeSet::new(),
            held: String::new(),
        }
    }

    /// The first line to send.
    pub(super) fn opening(&self) -> String {
        let can = json!({ "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false });
        request(Stage::Initialize, "initialize", &json!({ "protocolVersion": VERSION, "clientCapabilities": can }))
    }

    /// Whether nothing more will be asked or answered.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Takes one line of the agent's; what it means, and what is to be sent. `None` for what the protocol does not have.
    pub(super) fn read(&mut self, message: &Value) -> Option<(Vec<AgentEvent>, Vec<String>)> {
        match (message["method"].as_str(), message.get("id")) {
            (Some("session/update"), None) => Some((self.update(&message["params"]["update"])?, Vec::new())),
            (Some(method), Some(id)) => Some((Vec::new(), vec![answer(method, id, &message["params"])])),
            (Some(_), None) => None,
            (None, Some(id)) => {
                if id.as_u64() != Some(self.stage as u64) {
                    return None;
                }
                Some(match message.get("error") {
                    Some(error) => self.refused(error),
                    None => self.answered(&message["result"]),
                })
            }
            (None, None) => None,
        }
    }

    fn answered(&mut self, result: &Value) -> (Vec<AgentEvent>, Vec<String>) {
        match self.stage {
            Stage::Initialize => {
                let can_load = result["agentCapabilities"]["loadSession"].as_bool().unwrap_or(false);
                let resumed = self.resume.take().filter(|_| can_load);
                (Vec::new(), vec![self.open(resumed)])
            }
            Stage::Load => self.begin(),
            Stage::New => match result["sessionId"].as_str() {
                Some(session) => {
                    session.clone_into(&mut self.session);
                    self.begin()
                }
                None => self.end(Some(AgentFault::new(FaultKind::Malformed, "it made a session without an id"))),
            },
            Stage::Prompt => {
                let fault = match result["stopReason"].as_str() {
                    Some("end_turn") => None,
                    Some("refusal") => Some("the model refused"),
                    Some("max_tokens") => Some("the model's answer was cut off at its longest"),
                    Some("max_turn_requests") => Some("it took as many turns as it may"),
                    _ => Some("it stopped for no known reason"),
                };
                self.end(fault.map(|message| AgentFault::new(FaultKind::Other, message)))
            }
            Stage::Over => (Vec::new(), Vec::new()),
        }
    }

    fn refused(&mut self, error: &Value) -> (Vec<AgentEvent>, Vec<String>) {
        if self.stage == Stage::Load {
            return (Vec::new(), vec![self.open(None)]);
        }
        let message = error["message"].as_str().unwrap_or("an error without a message");
        let details = error["data"]["details"].as_str().map(|details| format!("{message}: {details}"));
        let fault = if error["code"].as_i64() == Some(AUTH_REQUIRED) {
            AgentFault::new(FaultKind::Auth, message)
        } else {
            AgentFault::told(details.as_deref().unwrap_or(message), error["data"]["status"].as_u64())
        };
        self.end(Some(fault))
    }

    /// Asks for the session: the earlier one or a new one.
    fn open(&mut self, resumed: Option<String>) -> String {
        let mut params = json!({ "cwd": self.cwd, "mcpServers": [] });
        let Some(session) = resumed else {
            self.stage = Stage::New;
            return request(self.stage, "session/new", &params);
        };
        self.stage = Stage::Load;
        params["sessionId"] = json!(session);
        self.session = session;
        request(self.stage, "session/load", &params)
    }

    fn begin(&mut self) -> (Vec<AgentEvent>, Vec<String>) {
        self.stage = Stage::Prompt;
        let prompt = json!([{ "type": "text", "text": self.prompt }]);
        let params = json!({ "sessionId": self.session, "prompt": prompt });
        let started = AgentEvent::Started { session: self.session.clone() };
        (vec![started], vec![request(self.stage, "session/prompt", &params)])
    }

    /// The usage that comes with the end is left aside: opencode gives the last answer's alone.
    fn end(&mut self, fault: Option<AgentFault>) -> (Vec<AgentEvent>, Vec<String>) {
        self.stage = Stage::Over;
        let mut events = self.said();
        events.push(fault.map_or(AgentEvent::Finished, AgentEvent::Error));
        (events, Vec::new())
    }

    fn said(&mut self) -> Vec<AgentEvent> {
        AgentEvent::message(&std::mem::take(&mut self.held)).into_iter().collect()
    }

    fn update(&mut self, update: &Value) -> Option<Vec<AgentEvent>> {
        // A session that is loaded tells its past again.
        if self.stage != Stage::Prompt {
            return Some(Vec::new());
        }
        match update["sessionUpdate"].as_str()? {
            "agent_message_chunk" => {
                let text = update["content"]["text"].as_str().unwrap_or_default();
                if self.held.len() + text.len() <= MOST_HELD_BYTES {
                    self.held.push_str(text);
                }
                Some(Vec::new())
            }
            "tool_call" | "tool_call_update" => {
                let mut events = self.said();
                events.extend(self.tool(update));
                Some(events)
            }
            "agent_thought_chunk"
            | "user_message_chunk"
            | "plan"
            | "available_commands_update"
            | "current_mode_update"
            | "config_option_update"
            | "session_info_update"
            | "usage_update" => Some(Vec::new()),
            _ => None,
        }
    }

    fn tool(&mut self, update: &Value) -> Vec<AgentEvent> {
        let begins = update["sessionUpdate"] == "tool_call";
        let edits = matches!(update["kind"].as_str(), Some("edit" | "delete" | "move"));
        if !edits {
            let title = update["title"].as_str().unwrap_or("tool");
            return if begins { vec![AgentEvent::tool(title, &update["rawInput"])] } else { Vec::new() };
        }
        let id = update["toolCallId"].as_str().unwrap_or_default();
        let places = update["locations"].as_array().map(Vec::as_slice).unwrap_or_default();
        // An edit may begin without its file, and name it once more with every change of its state.
        if places.is_empty() || self.edits.len() >= MOST_EDITS || !self.edits.insert(id.to_owned()) {
            return Vec::new();
        }
        let path = |place: &Value| Some(AgentEvent::Edit { path: place["path"].as_str()?.to_owned() });
        places.iter().filter_map(path).collect()
    }
}

fn request(stage: Stage, method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": stage as u64, "method": method, "params": params }).to_string()
}

/// Leave is given: the walls around the program are ours. Anything else we do not offer.
fn answer(method: &str, id: &Value, params: &Value) -> String {
    if method != "session/request_permission" {
        let error = json!({ "code": METHOD_NOT_FOUND, "message": "not offered" });
        return json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string();
    }
    let options = params["options"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |kind: &str| options.iter().find(|option| option["kind"] == kind);
    let outcome = match of("allow_once").or_else(|| of("allow_always")) {
        Some(option) => json!({ "outcome": "selected", "optionId": option["optionId"] }),
        None => json!({ "outcome": "cancelled" }),
    };
    json!({ "jsonrpc": "2.0", "id": id, "result": { "outcome": outcome } }).to_string()
}
