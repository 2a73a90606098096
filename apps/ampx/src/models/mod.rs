//! What the models that are asked from this process share: their prices, the pace, budgets, and answers that are kept.
//!
//! One [`Models`] for all tasks of a process; each go of the built-in agent gets its client from it.

mod gateway;
mod settings;
mod terms;

pub use gateway::Models;
pub use settings::{CacheKind, LlmSettings, SETTINGS};
pub use terms::Terms;
