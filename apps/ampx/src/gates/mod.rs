//! The gate: what a change does to tests, CI files and coverage settings, read from the syntax trees of both sides.
//!
//! [`judge`] is pure: it takes the changed files and gives findings; none means that the change may pass. New tests
//! and stricter ones are no finding. What cannot be judged is one: a test file that does not parse is judged by its
//! lines, and one that is too large is held.
//!
//! Every source here was written by an agent and may be hostile. The tree-sitter grammars and our walks over their
//! trees keep their own stacks, so depth costs memory and not the process; `tree::Budget` bounds the time.
//!
//! Secrets that the change would get out are found in `secret`, by the platform's redactor.
//!
//! A language is a file (`python`, `script`, `rust`, `go`, `java`) that finds tests and assertions; `compare` holds
//! what is the same for all of them. Settings are compared by value in `settings`; `standing` says whose yes is for
//! which finding.

mod assertion;
mod body;
mod cases;
mod compare;
mod finding;
mod go;
mod java;
mod judge;
mod lines;
mod paths;
mod python;
mod rust;
mod script;
mod secret;
mod settings;
mod skip;
mod standing;
#[cfg(test)]
mod tests;
mod tree;

pub use finding::{FindingKind, GateFinding, counts, summary};
pub use judge::{Change, Content, MOST_FILE_BYTES, SourceFile, judge};
pub use paths::is_read;
pub(crate) use secret::{MOST_SEARCHED_BYTES, NewFile, leak_summary, search};
pub use standing::{AttemptFinding, Standing};
pub(crate) use standing::{Contents, let_pass};
