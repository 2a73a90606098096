use std::fmt;
use std::path::{Path, PathBuf};

use opsmith_model::Secret;

use crate::StoreError;

/// The two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one machine.
    Sqlite,
    /// A server, any number of machines.
    Postgres,
}

/// Where the database is. Its Display and Debug never show a password.
#[derive(Clone)]
pub struct StoreUrl {
    dialect: Dialect,
    url: Secret,
}

impl StoreUrl {
    /// Reads `sqlite:PATH`, `sqlite://PATH`, `postgres://…` or `postgresql://…`.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let dialect = if text.starts_with("sqlite:") {
            Dialect::Sqlite
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Dialect::Postgres
        } else {
            return Err(StoreError::UnknownUrl);
        };
        Ok(Self { dialect, url: Secret::new(text) })
    }

    /// The URL of the SQLite database in `path`.
    pub fn sqlite_file(path: &Path) -> Self {
        Self { dialect: Dialect::Sqlite, url: Secret::new(format!("sqlite://{}", path.display())) }
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The whole URL, password and all, for the driver.
    pub fn expose(&self) -> &str {
        self.url.expose()
    }

    /// The file of an SQLite database; `None` for a server or a database in memory.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.expose().strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split('?').next().unwrap_or(path);
        (path != ":memory:").then(|| PathBuf::from(path))
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.expose();
        match (url.find("://"), url.rfind('@')) {
            (Some(scheme), Some(at)) if self.dialect == Dialect::Postgres && at > scheme => {
                let user = url[scheme + 3..at].split(':').next().unwrap_or("");
                write!(f, "{}{user}@{}", &url[..scheme + 3], without_query(&url[at + 1..]))
            }
            _ => f.write_str(without_query(url)),
        }
    }
}

/// A query may carry `password=`.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows() {
        for url in
            ["postgres://ada:hunter2@db/x", "postgres://ada:hun@ter2@db/x?a=1", "postgres://db/x?password=hunter2"]
        {
            let shown = format!("{0} {0:?}", StoreUrl::parse(url).unwrap());
            assert!(!shown.contains("ter2"), "{shown}");
        }
    }

    #[test]
    fn an_sqlite_url_names_its_file() {
        for url in ["sqlite:/a/b.db", "sqlite:///a/b.db", "sqlite:///a/b.db?mode=rwc"] {
            assert_eq!(StoreUrl::parse(url).unwrap().file(), Some(PathBuf::from("/a/b.db")));
        }
        assert!(StoreUrl::parse("mysql://x").is_err());
    }
}
