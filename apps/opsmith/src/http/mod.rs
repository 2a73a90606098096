//! The platform's own part of the HTTP API, and the products' parts beside it in one router.
//!
//! What each route of every product asks is told in one place, `access`, and held by the gate around [`router`].

mod access;
mod audit;
mod confirmations;
mod health;
mod metrics;
mod pages;
mod root;
mod router;
mod runs;
mod shape;
mod site;
#[cfg(test)]
mod tests;
mod tokens;
mod workers;

pub use metrics::keep_sampling;
pub use pages::NAV;
pub use router::{gate, openapi, router};
pub(crate) use tokens::MadeToken;
