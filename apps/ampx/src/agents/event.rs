use serde_json::Value;

use super::fault::{AgentFault, one_line};
use crate::task::Usage;

/// What an agent's program tells while it works, in the same words for every program.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// It works in this session of its own.
    Started {
        /// The session's id, for resuming it.
        session: String,
    },
    /// It says something.
    Message(String),
    /// It uses a tool.
    ToolCall {
        /// The tool.
        tool: String,
        /// What for, one line: a command, a path, a pattern.
        detail: String,
    },
    /// It has changed a file.
    Edit {
        /// The file, as the program names it.
        path: String,
    },
    /// What it has used.
    Usage(Counted),
    /// Something went wrong. It counts unless [`AgentEvent::Finished`] follows.
    Error(AgentFault),
    /// It is done, and says so.
    Finished,
}

/// How far back a program counts what it used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counted {
    /// One answer of the model: the next one comes on top.
    Step(Usage),
    /// All since the program was started.
    Go(Usage),
    /// All of the session, earlier goes included.
    Session(Usage),
}

/// The longest text of an event that is kept.
const MOST_TEXT_CHARS: usize = 16 * 1024;

impl AgentEvent {
    /// A message, unless it is empty.
    pub(super) fn message(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self::Message(text.chars().take(MOST_TEXT_CHARS).collect()))
    }

    /// A tool call; the detail is the most telling field of its input.
    pub(super) fn tool(tool: &str, input: &Value) -> Self {
        const TELLING: [&str; 7] = ["command", "cmd", "filePath", "file_path", "path", "pattern", "query"];
        let detail = TELLING.iter().find_map(|key| input[key].as_str()).unwrap_or_default();
        Self::ToolCall { tool: tool.to_owned(), detail: one_line(detail) }
    }

    /// The event as a line of the task's log; usage is shown with the attempt instead.
    pub fn line(&self) -> Option<String> {
        match self {
            Self::Started { session } => Some(format!("session {session}")),
            Self::Message(text) => Some(text.clone()),
            Self::ToolCall { tool, detail } if detail.is_empty() => Some(format!("[{tool}]")),
            Self::ToolCall { tool, detail } => Some(format!("[{tool}] {detail}")),
            Self::Edit { path } => Some(format!("[edit] {path}")),
            Self::Error(fault) => Some(format!("[error] {}", fault.message)),
            Self::Usage(_) | Self::Finished => None,
        }
    }
}
