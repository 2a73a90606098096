//! The store on both databases.
#![allow(clippy::unwrap_used)]

mod failures;
mod migrations;
mod sqlite;
mod transactions;
