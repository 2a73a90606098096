use opsmith_model::{ErrorKind, Hint};
use sea_orm::{DbErr, SqlErr};

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no database that this build speaks.
    #[error("the store URL must begin with `sqlite:` or `postgres:`")]
    UnknownUrl,
    /// No connection, or none in time.
    #[error("the database does not answer")]
    Unavailable(#[source] DbErr),
    /// Another writer held the database past the time limit. The driver's words for it would add nothing.
    #[error("the database is locked by another process")]
    Locked,
    /// The disk or the quota is full; likewise.
    #[error("the disk under the database is full")]
    DiskFull,
    /// A row with that unique value exists.
    #[error("the database already has such a row")]
    NotUnique(#[source] DbErr),
    /// What is stored cannot be read as what it should be.
    #[error("`{what}` in the database is not readable")]
    Unreadable {
        /// The table and column or the record.
        what: String,
    },
    /// The file is not what SQLite wrote, by its integrity check or when it was read.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The operation is not for this kind of database.
    #[error("{0}")]
    Unsupported(&'static str),
    /// Anything else.
    #[error("a database statement failed")]
    Failed(#[source] DbErr),
}

impl StoreError {
    /// A stored value that is not what it should be.
    pub fn unreadable(what: impl Into<String>) -> Self {
        Self::Unreadable { what: what.into() }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) {
            return Self::NotUnique(error);
        }
        let no_connection = matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
        // SQLite's own words for SQLITE_BUSY, SQLITE_FULL, SQLITE_CORRUPT and SQLITE_NOTADB; PostgreSQL's for 53100 and
        // lost connections.
        let text = error.to_string();
        let says = |words: &str| text.contains(words);
        if says("database is locked") || says("database table is locked") {
            Self::Locked
        } else if says("disk is full") || says("No space left on device") || says("could not extend file") {
            Self::DiskFull
        } else if says("database disk image is malformed") || says("file is not a database") {
            Self::Damaged(text)
        } else if no_connection || says("error communicating with database") || says("terminating connection") {
            Self::Unavailable(error)
        } else {
            Self::Failed(error)
        }
    }
}

impl Hint for StoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownUrl => ErrorKind::Usage,
            Self::Unavailable(_) | Self::Locked | Self::DiskFull => ErrorKind::Unavailable,
            Self::NotUnique(_) => ErrorKind::Conflict,
            Self::Unsupported(_) => ErrorKind::Invalid,
            Self::Unreadable { .. } | Self::Damaged(_) => ErrorKind::Damaged,
            Self::Failed(_) => ErrorKind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::UnknownUrl => "write `sqlite:///path/opsmith.db` or `postgres://user@host/database`",
            Self::Unavailable(_) => "check that the database runs and that `[store] url` is right",
            Self::Locked => "find the process that holds the file, or try again",
            Self::DiskFull => "free some space; nothing that was recorded is lost",
            Self::Damaged(_) | Self::Unreadable { .. } => "restore a copy made by `opsmith store backup`",
            Self::NotUnique(_) | Self::Unsupported(_) | Self::Failed(_) => return None,
        };
        Some(text.to_owned())
    }
}
