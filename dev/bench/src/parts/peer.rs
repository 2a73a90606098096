//! The named peer: the same rows through plain sqlx on an SQLite file of its own.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, FromRow, Row as _};

/// How many connections the product's own store keeps.
const CONNECTIONS: u32 = 6;

macro_rules! task_row {
    ($($column:ident: $of:ty,)*) => {
        /// A row of the product's table of tasks.
        #[derive(Clone, Debug)]
        pub struct TaskRow {
            $(pub $column: $of,)*
        }

        impl FromRow<'_, SqliteRow> for TaskRow {
            fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
                Ok(Self { $($column: row.try_get(stringify!($column))?,)* })
            }
        }

        const COLUMNS: &[&str] = &[$(stringify!($column)),*];

        async fn insert<'c>(to: impl sqlx::SqliteExecutor<'c>, sql: &str, row: TaskRow) -> sqlx::Result<()> {
            sqlx::query(AssertSqlSafe(sql))$(.bind(row.$column))*.execute(to).await?;
            Ok(())
        }
    };
}

task_row! {
    id: String,
    repo: String,
    target: String,
    branch: String,
    base: Option<String>,
    base_sha: Option<String>,
    agent: String,
    thread_id: Option<String>,
    prompt: String,
    status: String,
    summary: String,
    ci_run_id: Option<String>,
    ci_url: Option<String>,
    attempt_count: i32,
    pr_url: Option<String>,
    branch_url: Option<String>,
    head_sha: Option<String>,
    pushed_sha: Option<String>,
    merged_at: Option<DateTime<Utc>>,
    merged_sha: Option<String>,
    auto_merge: Option<String>,
    merge_plan: Option<String>,
    max_attempts: i32,
    budget_usd: Option<f64>,
    allow_test_edits: bool,
    labels: String,
    run_id: Option<String>,
    idempotency_key: Option<String>,
    created_by: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A copy of the product's table of tasks with its indexes, in a file of its own.
#[derive(Debug)]
pub struct Peer {
    pool: SqlitePool,
    insert: String,
    page: String,
}

async fn connect(file: &Path) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(15));
    Ok(SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?)
}

impl Peer {
    /// Copies table, indexes and rows out of the product's file.
    pub async fn copy(product: &Path, file: &Path) -> Result<Self> {
        let columns = COLUMNS.join(", ");
        let marks = vec!["?"; COLUMNS.len()].join(", ");
        let peer = Self {
            pool: connect(file).await?,
            insert: format!("INSERT INTO ampx_tasks ({columns}) VALUES ({marks})"),
            page: format!("SELECT {columns} FROM ampx_tasks ORDER BY id DESC LIMIT ? OFFSET 0"),
        };
        let from = connect(product).await?;
        let shape = "SELECT sql FROM sqlite_master WHERE tbl_name = 'ampx_tasks' AND sql IS NOT NULL ORDER BY rootpage";
        let statements: Vec<String> = sqlx::query_scalar(shape).fetch_all(&from).await?;
        for statement in statements {
            sqlx::query(AssertSqlSafe(statement)).execute(&peer.pool).await?;
        }
        let rows: Vec<TaskRow> = sqlx::query_as(AssertSqlSafe(peer.page.as_str())).bind(-1).fetch_all(&from).await?;
        from.close().await;
        let mut all = peer.pool.begin().await?;
        for row in rows {
            insert(&mut *all, &peer.insert, row).await?;
        }
        all.commit().await?;
        Ok(peer)
    }

    /// Inserts a row in a transaction of its own.
    pub async fn insert(&self, row: TaskRow) -> Result<()> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        insert(&mut *transaction, &self.insert, row).await?;
        Ok(transaction.commit().await?)
    }

    /// The newest rows, and how many there are in all.
    pub async fn list(&self, limit: i64) -> Result<(Vec<TaskRow>, i64)> {
        let total = sqlx::query_scalar("SELECT COUNT(*) FROM ampx_tasks").fetch_one(&self.pool).await?;
        let page = sqlx::query_as(AssertSqlSafe(self.page.as_str())).bind(limit).fetch_all(&self.pool).await?;
        Ok((page, total))
    }

    /// Closes its file.
    pub async fn close(self) {
        self.pool.close().await;
    }
}
