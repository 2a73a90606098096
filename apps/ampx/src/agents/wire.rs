use serde_json::Value;

use super::acp::Conversation;
use super::event::AgentEvent;
use super::fault::{AgentFault, FaultKind};
use super::{codex, messages, opencode};

/// How a program's output is to be read.
#[derive(Debug)]
pub(super) enum Wire {
    /// codex's JSON lines.
    Codex,
    /// claude's JSON lines.
    Claude,
    /// amp's JSON lines.
    Amp,
    /// opencode's JSON lines.
    Opencode,
    /// The Agent Client Protocol.
    Acp(Box<Conversation>),
    /// Plain text of a program that asks its model through litellm: aider, mini-swe-agent.
    Litellm,
}

/// What a line comes to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) events: Vec<AgentEvent>,
    /// What to send back.
    pub(super) replies: Vec<String>,
    /// The line is for people, and goes to the log as it is.
    pub(super) is_text: bool,
}

impl Wire {
    /// Reads one line of standard output. What is not known is left aside.
    pub(super) fn read(&mut self, line: &str) -> Reading {
        if let Self::Litellm = self {
            return Reading { events: litellm(line).into_iter().collect(), is_text: true, ..Reading::default() };
        }
        let Some(value) = object(line) else { return Reading { is_text: true, ..Reading::default() } };
        let events = match self {
            Self::Codex => codex::read(&value),
            Self::Claude => messages::read_claude(&value),
            Self::Amp => messages::read_amp(&value),
            Self::Opencode => opencode::read(&value),
            Self::Litellm => None,
            Self::Acp(conversation) => {
                let read = conversation.read(&value);
                return read
                    .map_or_else(|| unknown(&value), |(events, replies)| Reading { events, replies, is_text: false });
            }
        };
        events.map_or_else(|| unknown(&value), |events| Reading { events, ..Reading::default() })
    }
}

/// A JSON object. A half one is no object, and no text for people either.
fn object(line: &str) -> Option<Value> {
    match serde_json::from_str(line) {
        Ok(value @ Value::Object(_)) => Some(value),
        Err(error) if line.starts_with('{') => {
            tracing::debug!(%error, "an agent's event is not readable");
            Some(Value::Null)
        }
        Ok(_) | Err(_) => None,
    }
}

fn unknown(value: &Value) -> Reading {
    if !value.is_null() {
        tracing::debug!(event.kind = %value["type"], "an agent's event is not known");
    }
    Reading::default()
}

/// The name of litellm's exception. Its other troubles pass or end in no change, which is seen in the tree.
fn litellm(line: &str) -> Option<AgentEvent> {
    let refused = line.contains("AuthenticationError") || line.contains("PermissionDeniedError");
    refused.then(|| AgentEvent::Error(AgentFault::new(FaultKind::Auth, line)))
}
