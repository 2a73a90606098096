//! The store on both databases.
#![allow(clippy::unwrap_used)]

mod migrations;
mod sqlite;
mod transactions;
