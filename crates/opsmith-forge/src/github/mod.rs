//! GitHub, github.com and Enterprise servers, through its REST API (and GraphQL for the one thing that REST lacks).
//!
//! Effects take a permit, look at GitHub first, and look again where an answer was lost, so that asking twice is
//! harmless. What may pass is waited for (limits of requests, outages), up to [`Patience`]; answers are bounded.
//! The token goes to the API's own origin, and to git by its environment ([`GitHubRepo::git_environment`]).
//!
//! Absent on purpose: deleting a branch, which REST cannot do on condition of its commit; [`crate::git::delete_branch`]
//! can. Start at [`GitHub::repository`].

mod address;
mod auto_merge;
mod call;
mod checks;
mod client;
mod codeowners;
mod commit_ci;
mod conditional;
mod credentials;
mod error;
mod exchange;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod git_access;
mod issues;
mod job_log;
mod jobs;
mod labels;
mod limit;
mod merge;
mod open;
mod pages;
mod pull_request;
mod refusal;
mod repository;
mod reviewers;
mod tokens;
mod wait;
pub mod webhook;
mod whoami;

pub use address::ApiAddress;
pub use client::{GitHub, GitHubRepo, Patience};
pub use codeowners::{CODEOWNERS_PATHS, CodeOwners, Owner};
pub use commit_ci::{CommitCi, Reported, Standing};
pub use credentials::{AppKey, Credentials};
pub use error::{FieldError, GitHubError};
pub use issues::{CLOSE_ISSUE, COMMENT, CloseRequest, CommentRequest, Issue, IssueRequest, OPEN_ISSUE};
pub use jobs::{RERUN_CI, RerunRequest, WorkflowRun};
pub use labels::{ADD_LABELS, LabelsRequest};
pub use merge::{MergePull, MergedPull};
pub use pull_request::GitHubPull;
pub use repository::RepositoryInfo;
pub use reviewers::{REQUEST_REVIEWERS, ReviewersAsked, ReviewersRequest};
pub use wait::{Awaited, CiOutcome, CiWait};
pub use whoami::Whoami;
