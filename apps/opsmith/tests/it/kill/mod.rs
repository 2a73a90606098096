//! The real binary, killed and paused where it hurts: every task still ends as it should, and only once.

mod machines;
mod merge;
mod orphans;
mod pause;
pub(crate) mod points;
pub(crate) mod server;
mod signing;
mod takeover;
mod two_at_once;
mod worker;
pub(crate) mod world;
