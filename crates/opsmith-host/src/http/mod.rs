//! HTTP pieces that every product's routes stand on.
//!
//! Each error that leaves the server is one [`Problem`]; any error with a [`Hint`](opsmith_model::Hint) becomes one with
//! `?`. Who makes a request, and whether they may, is [`auth`]'s. [`serve`] puts the platform's layers around a router and ends in order.

pub mod auth;
mod bind;
mod edge;
mod json;
mod layers;
mod measure;
pub mod page;
mod problem;
mod query;
mod server;
mod shares;
mod sse;

pub use bind::{BindError, bind, is_loopback};
pub use json::Json;
pub use layers::request_id;
pub use problem::{Problem, ProblemBody};
pub use query::Query;
pub use server::{ServeError, ServeOptions, serve};
pub use sse::{LastEventId, ServerEvent, events};
