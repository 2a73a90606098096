//! The real binary, killed and paused where it hurts: every task still ends as it should, and only once.

mod machines;
mod merge;
mod orphans;
mod pause;
mod points;
mod server;
mod takeover;
mod two_at_once;
mod worker;
mod world;
