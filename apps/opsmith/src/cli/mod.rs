//! The command line: `opsmith …`, and each product's under its own name.
//!
//! Each command is one file with its `Args` and its `run`. What is administration (`runs`, `confirm`, `audit`,
//! `token`, `secrets`, `store`) works on the store itself, with or without a server beside it.

mod audit;
mod completion;
mod config;
mod confirm;
mod dispatch;
mod doctor;
mod man;
mod openapi;
mod parser;
mod runs;
mod secrets;
mod serve;
mod session;
mod store;
mod token;
mod version;
mod worker;

pub use dispatch::run;
