//! The platform's routes over a real server and a real store.
#![allow(clippy::unwrap_used)]

mod clients;
mod desk;
mod document;
mod gate;
mod pages;
mod runs;
mod server;
