//! The real binary, in a folder of its own.
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod cli;
mod desk;
mod github;
mod kill;
mod metrics;
mod process;
mod quickstart;
mod real_agents;
mod reference;
mod remotes;
mod secrets;
mod shells;
mod tasks;
mod tokens;
mod trouble;
