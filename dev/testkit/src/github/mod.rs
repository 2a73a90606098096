//! A GitHub on loopback: its REST API over real repositories, with the faults that a network and a limit bring.
//!
//! Whatever it is asked and whatever it answers is held against GitHub's own description of the API, where
//! `dev/octokit.sh` has fetched it; what does not fit fails the test. Start at [`FakeGitHub`].

mod actions;
mod answer;
mod app;
mod checks;
mod description;
mod fake;
mod fault;
mod graphql;
mod issues;
mod merging;
mod pulls;
mod repos;
mod reviewers;
mod routes;
mod serve;
mod shapes;
mod state;

pub use app::AppIdentity;
pub use description::Description;
pub use fake::{FakeGitHub, sign};
pub use fault::{Fault, Storm};
pub use serve::Request;
pub use state::{CheckRun, Issue, Job, Pull, PullState, Repository, Run, Status, Step};
