//! The command line: `ampx …`, also as `opsmith ampx …`.
//!
//! Each command is one file with its `Args` and its `run`. They speak to a server; where none is at the default
//! address, reading and `--wait` work on this machine's own store.

mod abort;
mod accept;
mod agents;
mod backend;
mod config;
mod continue_task;
mod diff;
mod doctor;
mod doctor_github;
mod feed;
mod findings;
mod list;
mod logs;
mod merge;
mod parser;
mod ping;
mod session;
mod show;
mod start;
mod view;
mod wait;

pub use config::{checked_settings, show_config};
pub use doctor::doctor;
pub use parser::{command, run};
