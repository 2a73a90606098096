//! What a process needs before it does its own work.
//!
//! - [`config`]: settings declared as data, layered flag > environment > file > default, each value with its origin.
//! - [`telemetry`]: logs for people on a terminal and ECS JSON lines elsewhere, metrics, and both with traces to a collector.
//! - [`http`]: the one error shape ([`http::Problem`]), extractors that answer with it, and the server around a router.
//! - [`cli`]: the flags every command has, data on stdout and all else on stderr, questions, exit codes.
//! - [`process`]: store, gate and runs, opened in one way for every product.
//! - [`redaction`]: no secret in what the process says, whoever says it.
//! - [`shutdown`]: signals as a cancellation token.
//!
//! The environment is read in [`config`] alone. Absent on purpose: routes, commands and settings of a product (each
//! brings its own), and anything that changes an outside system.
//!
//! Start at [`config::load`], [`http::serve`] and [`cli::Output`].

mod causes;
pub mod cli;
pub mod config;
pub mod http;
pub mod process;
pub mod redaction;
mod secrets;
pub mod shutdown;
pub mod telemetry;
