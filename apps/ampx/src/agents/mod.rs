//! The programs that edit: one adapter each, behind [`Agent`].
//!
//! An adapter runs its program in the sandbox over the task's tree and reports what it used. What it did is read
//! from the tree alone, never from what it says or how it exits.

mod command;
mod error;
pub mod script;

use std::path::Path;

use opsmith_sandbox::{Limits, Marker, OutputChunk, Sandbox};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use error::AgentError;

use crate::config::{AgentKind, Settings};
use crate::task::Usage;
use command::CommandAgent;
use script::ScriptAgent;

/// One go of an agent.
#[derive(Debug)]
pub struct Job<'a> {
    /// The task's id.
    pub task_id: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What it is to do, the last failure included.
    pub prompt: String,
    /// The failing log of the attempt before.
    pub ci_log: Option<&'a str>,
    /// The files it edits, and the folder it starts in.
    pub tree: &'a Path,
    /// A folder of its own outside the tree: its home, its prompt file.
    pub private: &'a Path,
    /// Where it runs.
    pub sandbox: &'a Sandbox,
    /// Its bounds.
    pub limits: Limits,
    /// The id of its processes.
    pub marker: Marker,
    /// Takes its output as it comes.
    pub log: mpsc::Sender<OutputChunk>,
    /// Ends it.
    pub cancel: &'a CancellationToken,
}

/// What is known of a go once it has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// How it ended, for a person: "exited with 0".
    pub ended: String,
    /// It was stopped by its limits.
    pub out_of_bounds: bool,
    /// What it used.
    pub usage: Usage,
    /// Its own session.
    pub thread_id: Option<String>,
}

/// A configured agent, ready to run.
#[derive(Debug)]
pub enum Agent {
    /// Any program.
    Command(CommandAgent),
    /// A recorded list of edits.
    Script(ScriptAgent),
}

/// Whether an agent can be used, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its adapter.
    pub kind: String,
    /// The program or file.
    pub program: String,
    /// It can be used.
    pub ready: bool,
    /// Why it cannot.
    pub reason: Option<String>,
}

impl Agent {
    /// The agent of that name.
    pub fn of(settings: &Settings, name: &str) -> Result<Self, AgentError> {
        let configured = settings.agents.get(name).ok_or_else(|| AgentError::NotConfigured(name.to_owned()))?;
        match configured.kind {
            AgentKind::Command => Ok(Self::Command(CommandAgent::new(name, configured)?)),
            AgentKind::Script => Ok(Self::Script(ScriptAgent::new(name, configured)?)),
        }
    }

    /// Runs one go.
    pub async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        match self {
            Self::Command(agent) => agent.run(job).await,
            Self::Script(agent) => agent.run(job).await,
        }
    }

    fn program(&self) -> String {
        match self {
            Self::Command(agent) => agent.program(),
            Self::Script(agent) => agent.file().display().to_string(),
        }
    }

    fn check(&self) -> Result<(), AgentError> {
        match self {
            Self::Command(agent) => agent.check(),
            Self::Script(agent) => agent.check(),
        }
    }
}

/// Every configured agent, with what stands in its way.
pub fn statuses(settings: &Settings) -> Vec<AgentStatus> {
    let status = |name: &String| {
        let agent = Agent::of(settings, name);
        let program = agent.as_ref().map(Agent::program).unwrap_or_default();
        let checked = agent.and_then(|agent| agent.check());
        let kind = match settings.agents[name].kind {
            AgentKind::Command => "command",
            AgentKind::Script => "script",
        };
        AgentStatus {
            name: name.clone(),
            kind: kind.to_owned(),
            program,
            ready: checked.is_ok(),
            reason: checked.err().map(|error| error.to_string()),
        }
    };
    settings.agents.keys().map(status).collect()
}
