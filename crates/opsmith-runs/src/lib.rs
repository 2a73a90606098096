//! Durable runs: what was started ends, whatever is killed on the way.
//!
//! A product registers a handler for each kind of run in a [`Registry`]; [`Runs::start`] queues a run, a [`Worker`]
//! claims it and calls the handler with a [`RunContext`], whose [`RunContext::step`]s are journaled: after a kill the
//! handler is called again and every finished step answers from the journal.
//!
//! The tables of this crate say who runs what: claims, limits per key, leases with epochs, cancel requests. The
//! journal (steps, cron ticks) is the `durare` library's; docs/decisions/0001 says how the two share the work.
//!
//! Absent on purpose: any knowledge of what a run does, and exactly-once effects. A step may run again after a kill,
//! so a step that acts begins by looking at the outside, and asks [`StepScope::check_lease`] just before it acts.
//!
//! Start at [`Runs`] and [`Worker`].

mod context;
mod db;
mod engine;
mod error;
mod execution;
mod failpoint;
mod identity;
mod journal;
mod lease;
mod measure;
mod migrations;
mod registry;
mod run;
mod runs;
mod schedule;
mod worker;

pub use context::{RunContext, StepScope};
pub use error::{Halt, RunsError, StepFailure};
pub use failpoint::{ArmedFailpoints, arm_failpoints};
pub use identity::{Identity, IdentityError};
pub use migrations::migrations;
pub use registry::Registry;
pub use run::{NewRun, Outcome, Run, RunFilter, RunState, StepRecord, WorkerRow};
pub use runs::Runs;
pub use schedule::Schedule;
pub use worker::{Timing, Worker, WorkerOptions};
