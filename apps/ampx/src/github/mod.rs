//! GitHub: how it is configured, git's access to its repositories, and what wakes those who wait for it.
//!
//! Calls of its API are in opsmith-forge; the steps that make them are in [`runs`](crate::runs).

mod access;
mod hooks;
mod settings;
mod wakes;
mod watch;

pub use hooks::{Hooked, Hooks};
pub use settings::{GitHubSettings, SETTINGS};
pub(crate) use wakes::Wakes;
pub(crate) use watch::watch;
