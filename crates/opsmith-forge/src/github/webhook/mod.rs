//! Webhooks: what GitHub sends, proven to be from it, taken once, and read as "look here now".
//!
//! A delivery only says that something changed. What is true is asked of the API afterwards, so neither order nor loss
//! matters. Absent on purpose: the HTTP route.

mod deliveries;
mod error;
mod event;
mod signature;

pub use deliveries::Deliveries;
pub use error::WebhookError;
pub use event::Changed;
pub use signature::{DeliveryHeaders, MAX_BODY_BYTES, Webhooks};
