//! The tables of runs as entities, and the reading and writing of them.

pub(crate) mod claims;
pub(crate) mod runs;
pub(crate) mod signals;
pub(crate) mod workers;
