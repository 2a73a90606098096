use sea_orm_migration::{MigrationTrait, MigratorTraitSelf};

use crate::{Store, StoreError};

/// A product's migrations, oldest first; forward only.
pub type Migrations = fn() -> Vec<Box<dyn MigrationTrait>>;

struct Migrator<'a>(&'a [Migrations]);

impl MigratorTraitSelf for Migrator<'_> {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.0.iter().flat_map(|of_product| of_product()).collect()
    }
}

impl Store {
    /// Brings every product's tables up to date; several processes may do it at once.
    pub async fn migrate(&self, products: &[Migrations]) -> Result<(), StoreError> {
        let write = self.write().await?;
        write.take_turns("opsmith.migrate").await?;
        Migrator(products).up(&write.txn, None).await?;
        write.commit().await?;
        Ok(())
    }

    /// The names of the migrations that this build has and the database has not.
    pub async fn pending_migrations(&self, products: &[Migrations]) -> Result<Vec<String>, StoreError> {
        let pending = Migrator(products).get_pending_migrations(self.read()).await?;
        Ok(pending.iter().map(|m| m.name().to_owned()).collect())
    }
}
