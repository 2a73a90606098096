//! Who makes a request, and whether they may: tokens, roles, and how often.
//!
//! A [`Gate`] stands around a router. Each of its routes has a [`Rule`], and one without is not served, so a new route
//! cannot be open by oversight. A request brings its token as `Authorization: Bearer …`, a browser in a cookie that
//! `/login` sets. On loopback, as long as nobody made a token, the local user makes every request.
//!
//! Absent on purpose: the rules themselves (beside the router of the binary), and other sites' pages, which are refused
//! ahead of the gate.

mod access;
mod cookie;
mod gate;
mod identity;
mod limits;
mod login;
mod refused;
mod streams;

pub use access::{Access, Rule};
pub use gate::{Gate, GateOptions};
pub use identity::{Caller, Identity};
pub use limits::Limits;

pub(in crate::http) use login::login_form;
pub(in crate::http) use refused::WrongToken;
