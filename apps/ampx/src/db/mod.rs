//! ampx's tables as entities, and the reading and writing of them.

pub(crate) mod attempts;
pub(crate) mod commits;
pub(crate) mod events;
pub(crate) mod findings;
pub(crate) mod tasks;

pub use tasks::TaskFilter;
