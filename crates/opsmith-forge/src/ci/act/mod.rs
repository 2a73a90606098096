//! The repository's GitHub Actions workflows, run on this machine by act (<https://github.com/nektos/act>) without
//! containers: each job runs as plain processes in the sandbox, on a fresh checkout and without credentials.
//!
//! What a workflow wants and this machine has not (another system's runner, a container, a service, an action that
//! cannot be fetched) is no failure of the commit: the verdict then is that CI cannot run here.
//!
//! act 0.2.89 was seen to run workflows without a look at their branch filters, to run jobs of a label that comes from
//! the matrix whatever it is, and to leave services out in silence; so triggers, labels and services are read here.

mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod judge;
mod listen;
mod provider;
mod report;
mod trigger;
mod version;
mod workflow;

pub use provider::ActCi;
pub use version::{ActFound, TESTED_ACT, find_act};
