//! CI providers: who says whether a commit is green.
//!
//! A [`Provider`] checks one commit and answers with a [`Verdict`]: by a configured command, or by the repository's own
//! workflows through act. Both run in the sandbox on a fresh checkout, never in the folder that an agent worked in.
//!
//! A red verdict carries the end of the log, fit to be shown to an agent, and a fingerprint that is the same for the
//! same failure seen twice.

mod act;
mod command;
mod error;
mod fingerprint;
mod log;
mod output;
mod place;
mod provider;
mod tail;
mod verdict;

#[cfg(feature = "fuzzing")]
pub use act::fuzzing;
pub use act::{ActCi, ActFound, TESTED_ACT, find_act};
pub use command::CommandCi;
pub use error::CiError;
pub use fingerprint::fingerprint;
pub use log::{EXCERPT_CHARS, excerpt, fence};
pub use provider::{CiJob, Provider};
pub use tail::TailBuffer;
pub use verdict::{RedReport, Verdict};
