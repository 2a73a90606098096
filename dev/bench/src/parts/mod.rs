//! What is measured, one file for each part.

mod crowd;
mod forge;
mod http;
mod overhead;
mod peer;
mod runs;
mod secrets;
mod server;
mod tasks;

use anyhow::Result;

use crate::report::Section;

/// The parts, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Tasks in a large store.
    Tasks,
    /// The same through the server.
    Http,
    /// The server at rest.
    Server,
    /// What a task costs beside its agent and CI.
    Overhead,
    /// The same on a GitHub.
    Forge,
    /// Runs on SQLite.
    Sqlite,
    /// Runs on PostgreSQL.
    Postgres,
    /// Many tasks at once.
    Crowd,
    /// Looking for secrets.
    Secrets,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 9] = [
        Self::Tasks,
        Self::Http,
        Self::Server,
        Self::Overhead,
        Self::Forge,
        Self::Sqlite,
        Self::Postgres,
        Self::Crowd,
        Self::Secrets,
    ];

    /// The word for it on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Http => "http",
            Self::Server => "server",
            Self::Overhead => "overhead",
            Self::Forge => "forge",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Crowd => "crowd",
            Self::Secrets => "secrets",
        }
    }

    /// The part of that word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == word)
    }

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tasks => "Create and list with 10,000 tasks in the store",
            Self::Http => "The same over HTTP",
            Self::Server => "The server at rest",
            Self::Overhead => "Overhead per task",
            Self::Forge => "Overhead per task on a GitHub",
            Self::Sqlite => "Runs on SQLite",
            Self::Postgres => "Runs on PostgreSQL",
            Self::Crowd => "200 tasks on 20 repositories, 8 at once",
            Self::Secrets => "Looking for secrets",
        }
    }

    /// Measures it.
    pub async fn measure(self) -> Result<Section> {
        match self {
            Self::Tasks => tasks::measure().await,
            Self::Http => http::measure().await,
            Self::Server => server::measure().await,
            Self::Overhead => overhead::measure().await,
            Self::Forge => forge::measure().await,
            Self::Sqlite => runs::on_sqlite().await,
            Self::Postgres => runs::on_postgres().await,
            Self::Crowd => crowd::measure().await,
            Self::Secrets => secrets::measure().await,
        }
    }
}
