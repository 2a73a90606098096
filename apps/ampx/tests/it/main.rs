//! ampx over real git, real commands and a real store.
#![allow(clippy::unwrap_used)]

mod http;
mod sse;
mod stories;
