//! The gate's tables as entities, and the reading and writing of them.

pub(crate) mod audit;
pub(crate) mod confirmations;
pub(crate) mod tokens;
