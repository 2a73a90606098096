//! The agent that needs a key alone: a model with tools over the task's tree, driven from here.
//!
//! It lists, reads, searches and edits files itself, within the tree and never through a link; only the check runs in
//! the sandbox. It knows no shell, so what it can do is what its [`tools`] do.

mod agent;
mod conversation;
mod edit;
mod files;
mod models;
mod probe;
mod search;
mod tools;
mod waiting;

pub use agent::BuiltinAgent;
