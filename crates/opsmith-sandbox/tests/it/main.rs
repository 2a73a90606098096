//! Stories over real processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod choice;
mod ending;
mod environment;
mod every;
mod fixture;
mod leftovers;
mod limits;
mod network;
mod outcome;
mod output;
mod refusal;
mod survivors;
mod walls;
mod world;
