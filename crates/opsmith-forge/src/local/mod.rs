//! The local forge: pull requests of any git remote, kept in our store; merging is git's.
//!
//! Effects take a permit and look first: a branch has one open pull request, however often it is asked for.

mod db;
mod error;
mod forge;
mod migrations;
mod pull_request;

pub use error::ForgeError;
pub use forge::{LocalForge, OPEN_PULL_REQUEST};
pub use migrations::migrations;
pub use pull_request::{OpenRequest, PullRequest, PullRequestState};
