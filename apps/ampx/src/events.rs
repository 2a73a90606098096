use chrono::{DateTime, Utc};
use opsmith_model::TaskId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::task::TaskStatus;

/// Something that happened to a task; `seq` is what a reader resumes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows with every event of every task.
    pub seq: i64,
    /// The task.
    #[schema(value_type = String)]
    pub task_id: TaskId,
    /// The attempt it belongs to; 0 where it belongs to none.
    pub attempt: u32,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
    /// When.
    pub at: DateTime<Utc>,
}

/// What an [`Event`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// The status or its reason changed.
    Status {
        /// The new status.
        status: TaskStatus,
        /// Why.
        summary: String,
    },
    /// Output, whole lines where it comes in lines.
    Log {
        /// Whose output.
        stream: LogStream,
        /// The text.
        text: String,
    },
}

/// Whose output a log event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogStream {
    /// The agent's.
    Agent,
    /// The CI's.
    Ci,
    /// Opsmith's own words.
    Opsmith,
}

impl LogStream {
    /// The word on the wire and in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Ci => "ci",
            Self::Opsmith => "opsmith",
        }
    }

    /// The stream of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::Ci, Self::Opsmith].into_iter().find(|stream| stream.as_str() == word)
    }
}

impl Event {
    /// The text of a log event.
    pub fn log_text(&self) -> Option<&str> {
        match &self.kind {
            EventKind::Log { text, .. } => Some(text),
            EventKind::Status { .. } => None,
        }
    }
}
