//! Stories over real git and real processes.

#![allow(clippy::unwrap_used)]

mod act;
mod act_faults;
mod bench;
mod cache;
mod changed;
mod ci;
mod ci_faults;
mod command;
mod desk;
mod diff;
mod github;
mod merge;
mod remote;
mod signing;
mod snapshot;
mod stage;
mod url;
mod workspace;
