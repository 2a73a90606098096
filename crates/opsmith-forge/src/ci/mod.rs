//! CI providers: who says whether a commit is green.
//!
//! A [`Provider`] checks one commit and answers with a [`Verdict`]. The one provider now is a configured command, run
//! in the sandbox on a fresh checkout, never in the folder that an agent worked in.
//!
//! A red verdict carries the end of the log, fit to be shown to an agent, and a fingerprint that is the same for the
//! same failure seen twice.

mod command;
mod error;
mod fingerprint;
mod log;
mod provider;
mod tail;
mod verdict;

pub use command::CommandCi;
pub use error::CiError;
pub use fingerprint::fingerprint;
pub use log::{EXCERPT_CHARS, excerpt, fence};
pub use provider::{CiJob, Provider};
pub use tail::TailBuffer;
pub use verdict::{RedReport, Verdict};
