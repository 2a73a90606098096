use std::path::Path;

use opsmith_guard::secrets::Redactor;
use opsmith_sandbox::{Limits, Marker, OutputChunk, Sandbox};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{AgentFault, Allowance};
use crate::models::Models;
use crate::task::Usage;

/// One go of an agent.
#[derive(Debug)]
pub struct Job<'a> {
    /// The task's id.
    pub task_id: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What it is to do, the last failure included.
    pub prompt: String,
    /// Keeps secrets out of what is sent to a model from here.
    pub redactor: &'a Redactor,
    /// The failing log of the attempt before.
    pub ci_log: Option<&'a str>,
    /// The session to go on in, where it is on this machine.
    pub thread_id: Option<&'a str>,
    /// The files it edits, and the folder it starts in.
    pub tree: &'a Path,
    /// A folder of the attempt's outside the tree: temporary files, its prompt file.
    pub private: &'a Path,
    /// A folder of the task's outside the tree: its home and its sessions.
    pub state: &'a Path,
    /// The shell command that is the task's check, where it has one.
    pub check: Option<&'a str>,
    /// The way to models that are asked from here.
    pub models: &'a Models,
    /// What the task may spend on them in all, where that is limited.
    pub budget_usd: Option<f64>,
    /// Where it runs.
    pub sandbox: &'a Sandbox,
    /// Its bounds.
    pub limits: Limits,
    /// What it may take beside them.
    pub allowance: Allowance,
    /// The id of its processes.
    pub marker: Marker,
    /// Takes its output as it comes.
    pub log: mpsc::Sender<OutputChunk>,
    /// Ends it.
    pub cancel: &'a CancellationToken,
}

/// What is known of a go once it has ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AgentReport {
    /// How it ended, for a person: "exited with 0".
    pub ended: String,
    /// It was stopped by its limits.
    pub out_of_bounds: bool,
    /// What it used.
    pub usage: Usage,
    /// Its own session.
    pub thread_id: Option<String>,
    /// What hindered it from finishing.
    pub fault: Option<AgentFault>,
}
