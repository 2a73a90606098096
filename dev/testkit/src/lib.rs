//! Fakes that speak the real wire, databases and repositories for tests.
//!
//! A development dependency only. Start at [`on_both_databases`] for anything that stores.

mod database;
pub mod docker;
mod git_http;
#[cfg(feature = "github")]
pub mod github;
#[cfg(feature = "http")]
pub mod http;
mod keeper;
pub mod llm;
mod postgres;
mod redis;
pub mod repo;
pub mod signing;
mod sshd;
pub mod tool;

pub use database::{TestStore, sqlite_store};
pub use git_http::{Admission, GitHttp, Host, Knock, Served};
pub use postgres::{Postgres, postgres_store};
pub use redis::Redis;
pub use sshd::Sshd;

/// Runs each named `async fn(TestStore)` on SQLite and on PostgreSQL.
///
/// Where PostgreSQL's server is not installed, that half says so and passes.
#[macro_export]
macro_rules! on_both_databases {
    ($($story:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::$story($crate::sqlite_store().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                if let Some(store) = $crate::postgres_store().await {
                    super::$story(store).await;
                }
            })+
        }
    };
}
