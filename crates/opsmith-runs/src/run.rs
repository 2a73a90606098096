use chrono::{DateTime, Utc};
use opsmith_model::{Principal, RunId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::StepFailure;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The registered kind, such as `ampx.task`.
    pub kind: String,
    /// What a person sees in a list.
    pub label: String,
    /// The handler's input.
    pub input: Value,
    /// Who asked.
    pub requested_by: Principal,
    /// Runs with the same key count together against the limit beside it.
    pub concurrency: Option<(String, u32)>,
    /// Higher starts sooner; 0 is usual.
    pub priority: i32,
    /// A second start with the same key answers with the first one's run.
    pub idempotency_key: Option<String>,
    /// Not before this time.
    pub due_at: Option<DateTime<Utc>>,
}

impl NewRun {
    /// A run of `kind` with the usual settings.
    pub fn new(kind: &str, label: impl Into<String>, input: Value, requested_by: Principal) -> Self {
        Self {
            kind: kind.to_owned(),
            label: label.into(),
            input,
            requested_by,
            concurrency: None,
            priority: 0,
            idempotency_key: None,
            due_at: None,
        }
    }
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RunState {
    /// Waiting for a worker, its key's limit or its time.
    Queued,
    /// A worker has it.
    Running {
        /// The worker.
        worker_id: String,
        /// Grows each time a worker takes the run up; whoever holds an older one stops.
        epoch: i64,
    },
    /// It has ended.
    Finished {
        /// How.
        outcome: Outcome,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The handler came to its end.
    Succeeded {
        /// What it answered.
        output: Value,
    },
    /// A step failed, and the handler gave up.
    Failed {
        /// Why.
        failure: StepFailure,
    },
    /// Somebody cancelled it.
    Cancelled,
}

/// A durable run as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// The registered kind.
    pub kind: String,
    /// What a person sees in a list.
    pub label: String,
    /// The handler's input.
    pub input: Value,
    /// Who asked.
    pub requested_by: Principal,
    /// Runs with the same key count together against the limit beside it.
    pub concurrency: Option<(String, u32)>,
    /// Higher starts sooner.
    pub priority: i32,
    /// Where it stands.
    pub state: RunState,
    /// Somebody wants it to stop.
    pub cancel_requested: bool,
    /// The run that this one tries again.
    pub retry_of: Option<RunId>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// Which runs to list; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only this kind.
    pub kind: Option<String>,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub state: Option<String>,
}

/// A finished step of a run, from the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its place in the run, from 0.
    pub position: i32,
    /// Its name.
    pub name: String,
    /// How it failed, if it did.
    pub failure: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A worker as others see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its locked id.
    pub id: String,
    /// Where it runs.
    pub host: String,
    /// Its process there.
    pub pid: i32,
    /// How many runs it takes at once.
    pub concurrency: i32,
    /// It ended in good order.
    pub stopped: bool,
    /// Its last sign of life, by its own clock.
    pub seen_at: DateTime<Utc>,
    /// How many runs it holds.
    pub running: u64,
}
