//! ampx's part of the HTTP API: one file per resource, each route a call of [`Ampx`](crate::Ampx).
//!
//! Who asks is [`Caller`], put on every request by the server; what goes wrong is a problem, told to readers of the
//! OpenAPI document by [`responses`]. What other rooms' types look like on the wire is in [`shape`]. Beside the API are
//! the `pages` for browsers, over the same functions.
//!
//! Absent on purpose: authentication and the layers around the routes (opsmith and opsmith-host).
//!
//! Start at [`router`].

mod diff;
mod error;
mod events;
mod feed;
mod idempotency;
mod logs;
mod merge;
mod pages;
mod paging;
mod ping;
pub mod responses;
mod router;
pub mod shape;
mod tasks;
mod webhooks;

pub use opsmith_host::http::auth::Caller;
pub use pages::NAV;
#[cfg(feature = "fuzzing")]
pub use pages::lines_by_file;
pub use paging::{Paging, paging};
pub use router::{openapi, router};
