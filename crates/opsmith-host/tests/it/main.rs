//! Stories over the real thing: files, a server on loopback, child processes.
#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod children;
mod config;
mod errors;
mod otlp;
mod pages;
mod server;
mod streams;
mod support;
