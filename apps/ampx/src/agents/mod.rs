//! The programs that edit, behind [`Agent`].
//!
//! An adapter runs its program in the sandbox over the task's tree and reports what it used and what hindered it. What
//! it did is read from the tree alone, never from what it says or how it exits.
//!
//! Programs whose output is understood ([`ProgramAgent`]) differ in three places: `preset` says how each is called and
//! what it needs, `wire` how its lines become [`AgentEvent`]s, and `arguments` in each program's module what it is
//! started with. The rest is one road: `launch` → `stream` → `tally` → [`AgentReport`].

mod acp;
mod agent;
mod builtin;
mod codex;
mod command;
mod error;
mod event;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod home;
mod job;
mod launch;
mod lines;
mod messages;
mod opencode;
mod preset;
mod program;
pub mod script;
mod session;
mod status;
mod stream;
mod tally;
#[cfg(test)]
mod tests;
mod wire;

pub use agent::Agent;
pub(crate) use agent::{first_installed, known};
pub use builtin::BuiltinAgent;
pub use command::CommandAgent;
pub use error::AgentError;
pub use event::{AgentEvent, Counted};
pub use fault::{AgentFault, FaultKind};
pub use job::{AgentReport, Job};
pub use program::ProgramAgent;
pub use script::ScriptAgent;
pub use status::{AgentStatus, statuses};
pub use tally::Allowance;
