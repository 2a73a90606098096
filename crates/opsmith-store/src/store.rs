use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{Dialect, SetupTurn, StoreError, StoreUrl, Write};

/// How long SQLite waits for another process's write before it says that the database is locked.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

/// An open database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: DatabaseConnection,
    url: StoreUrl,
    writer: Arc<Mutex<()>>,
}

/// What [`Store::backup`] made.
#[derive(Clone, Copy, Debug)]
pub struct Backup {
    /// The size of the copy.
    pub bytes: u64,
}

impl Store {
    /// Opens the database and, for SQLite, makes its file and folder.
    ///
    /// SQLite runs in WAL mode with `synchronous = FULL`: a commit that was answered survives a power cut.
    pub async fn open(url: StoreUrl) -> Result<Self, StoreError> {
        if let Some(folder) = url.file().as_deref().and_then(Path::parent) {
            // A folder that cannot be made shows in the driver's error just below.
            let _ = tokio::fs::create_dir_all(folder).await;
        }
        let mut options = ConnectOptions::new(url.expose());
        options.sqlx_logging(false).acquire_timeout(ACQUIRE_TIMEOUT).connect_timeout(ACQUIRE_TIMEOUT);
        match url.dialect() {
            Dialect::Sqlite => {
                options.max_connections(6).map_sqlx_sqlite_opts(|sqlite| {
                    sqlite
                        .create_if_missing(true)
                        .pragma("journal_mode", "WAL")
                        .pragma("synchronous", "FULL")
                        .foreign_keys(true)
                        .busy_timeout(BUSY_TIMEOUT)
                });
            }
            Dialect::Postgres => {
                options.max_connections(10);
            }
        }
        let _turn = SetupTurn::take(&url).await;
        let db = Database::connect(options).await?;
        Ok(Self { db, url, writer: Arc::new(Mutex::new(())) })
    }

    /// The connection for reading.
    pub fn read(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Begins a transaction that writes.
    pub async fn write(&self) -> Result<Write, StoreError> {
        let (turn, mode) = match self.dialect() {
            Dialect::Sqlite => (Some(self.turn().await), Some(SqliteTransactionMode::Immediate)),
            Dialect::Postgres => (None, None),
        };
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
        let txn = self.db.begin_with_options(options).await?;
        Ok(Write { txn, dialect: self.dialect(), _turn: turn })
    }

    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.writer).lock_owned().await
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        self.url.dialect()
    }

    /// Where it is.
    pub fn url(&self) -> &StoreUrl {
        &self.url
    }

    /// Asks the database for a sign of life.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.db.ping().await?)
    }

    /// Has the database check itself; SQLite reads every page.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.ping().await?;
        if self.dialect() == Dialect::Postgres {
            return Ok(());
        }
        let rows = self.db.query_all_raw(self.statement("PRAGMA integrity_check")).await?;
        let mut found = Vec::new();
        for row in rows {
            let line: String = row.try_get_by_index(0)?;
            if line != "ok" {
                found.push(line);
            }
        }
        if found.is_empty() { Ok(()) } else { Err(StoreError::Damaged(found.join("; "))) }
    }

    /// Copies an SQLite database to a new file while it is in use.
    pub async fn backup(&self, to: &Path) -> Result<Backup, StoreError> {
        if self.dialect() == Dialect::Postgres {
            return Err(StoreError::Unsupported("a PostgreSQL store is backed up with `pg_dump`"));
        }
        let sql = "VACUUM INTO ?";
        let path = to.to_string_lossy().into_owned();
        let copy = Statement::from_sql_and_values(self.db.get_database_backend(), sql, [path.into()]);
        self.db.execute_raw(copy).await?;
        let bytes = tokio::fs::metadata(to).await.map(|m| m.len()).unwrap_or(0);
        Ok(Backup { bytes })
    }

    /// Closes every connection.
    pub async fn close(&self) -> Result<(), StoreError> {
        Ok(self.db.clone().close().await?)
    }

    fn statement(&self, sql: &str) -> Statement {
        Statement::from_string(self.db.get_database_backend(), sql)
    }
}
