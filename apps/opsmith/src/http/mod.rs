//! The platform's own part of the HTTP API, and the products' parts beside it in one router.
//!
//! Who asks is decided in one place, [`router`], for every route of every product.

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
mod workers;

pub use metrics::keep_sampling;
pub use pages::NAV;
pub use router::{openapi, router};
