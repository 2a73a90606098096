use std::ops::Deref;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use tokio::sync::OwnedMutexGuard;

use crate::{Dialect, StoreError};

/// A transaction that writes; dropped without [`Write::commit`], it never was.
///
/// Pass `&*write` wherever sea-orm wants a connection.
#[derive(Debug)]
pub struct Write {
    pub(crate) txn: DatabaseTransaction,
    pub(crate) dialect: Dialect,
    /// SQLite has one writer; waiting here in order beats its busy handler's sleeps.
    pub(crate) _turn: Option<OwnedMutexGuard<()>>,
}

impl Write {
    /// Makes everything written so far durable.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.txn.commit().await?)
    }

    /// Waits until no other transaction that took turns under `name` is open, and holds the turn until the end.
    ///
    /// For what must see every earlier commit: a hash chain, a sequence, a limit that is counted.
    pub async fn take_turns(&self, name: &'static str) -> Result<(), StoreError> {
        match self.dialect {
            // An immediate transaction is alone already.
            Dialect::Sqlite => Ok(()),
            Dialect::Postgres => {
                let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
                let lock = Statement::from_sql_and_values(self.txn.get_database_backend(), sql, [name.into()]);
                self.txn.execute_raw(lock).await?;
                Ok(())
            }
        }
    }
}

impl Deref for Write {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &Self::Target {
        &self.txn
    }
}
