//! ampx: give a coding agent a task, come back to a green pull request.
//!
//! The flow of a task, each arrow a journaled step of [`runs::task`]:
//!
//! ```text
//! begin → prepare → agent → commit → gate → check → push → pull request → finish
//!                     ↑                       │ red
//!                     └───────── wait ← base ←┘
//! ```
//!
//! [`Ampx`] is what a person or the API can do with tasks; [`runs`] is what happens then, in a worker.
//! [`task`] holds the states and their transitions, [`agents`] the programs that edit, [`db`] the tables.
//!
//! Absent on purpose: git, forges and CI (opsmith-forge), and the gate (opsmith-guard).

pub mod agents;
mod ampx;
mod arrivals;
mod branch;
mod brief;
pub mod cli;
mod client;
pub mod config;
pub mod db;
mod effects;
mod error;
mod events;
pub mod gates;
pub mod github;
mod going_on;
pub mod http;
pub mod inputs;
mod merge;
mod merge_commit;
mod merge_options;
mod merge_plan;
mod migrations;
pub mod models;
mod network;
mod new_task;
mod open;
mod redactors;
pub mod runs;
mod sandbox;
mod stop;
mod sweep;
mod sweep_turn;
pub mod task;
mod upkeep;
pub mod walls;
mod worker;

pub use ampx::{Ampx, Parts};
#[cfg(feature = "fuzzing")]
pub use client::events as read_events;
pub use effects::EFFECTS;
pub use error::AmpxError;
pub use events::{Event, EventKind, LogStream};
pub use merge_options::{AutoMerge, MergeOptions, Merged};
pub use migrations::migrations;
pub use network::NetworkSetting;
pub use new_task::{Created, NewTask};
pub use open::{OpenError, open, start_worker, start_worker_of};
pub use sandbox::SandboxChoice;
pub use worker::Worker;
