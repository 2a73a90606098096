//! Stories over real processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ending;
mod environment;
mod fixture;
mod leftovers;
mod limits;
mod output;
mod refusal;
