//! The platform's routes over a real server and a real store.
#![allow(clippy::unwrap_used)]

mod access;
mod clients;
mod desk;
mod document;
mod gate;
mod limits;
mod login;
mod pages;
mod runs;
mod server;
mod streams;
mod tokens;
