//! The one binary: every product on the platform.
//!
//! [`cli`] has the platform's own commands and hands a product's words to the product; [`http`] puts the platform's
//! routes beside the products'. [`CATALOGUE`] is all that the platform knows of them.
//!
//! Absent on purpose: anything that a product does. Start at [`cli::run`].

mod catalogue;
pub mod cli;
pub mod http;

pub use catalogue::CATALOGUE;
