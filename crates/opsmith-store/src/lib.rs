//! The database.
//!
//! One code base on SQLite (embedded, the default) and PostgreSQL (many workers). The only places where the two
//! differ are in this crate: how a connection is set up ([`Store::open`]), how a writing transaction begins
//! ([`Store::write`]) and how writers take turns ([`Write::take_turns`]).
//!
//! Absent on purpose: any table. Each product owns its tables, their entities and their migrations, and hands the
//! migrations to [`Store::migrate`].

mod error;
mod migrate;
mod page;
mod setup;
mod store;
mod url;
mod write;

pub use error::StoreError;
pub use migrate::Migrations;
pub use page::Page;
pub use setup::SetupTurn;
pub use store::{Backup, Store};
pub use url::{Dialect, StoreUrl};
pub use write::Write;
