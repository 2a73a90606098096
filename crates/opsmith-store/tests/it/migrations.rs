use opsmith_store::{Migrations, Store};
use sea_orm_migration::prelude::*;
use testkit::TestStore;

testkit::on_both_databases!(applied_once_by_many_processes, pending_are_named);

struct Pets;

impl MigrationName for Pets {
    fn name(&self) -> &'static str {
        "test_0001_pets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Pets {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let id = ColumnDef::new(Alias::new("id")).integer().not_null().primary_key().take();
        manager.create_table(Table::create().table(Alias::new("pets")).col(id).take()).await
    }
}

const PETS: Migrations = || vec![Box::new(Pets)];

async fn applied_once_by_many_processes(store: TestStore) {
    let mut others: Vec<Store> = Vec::new();
    for _ in 0..4 {
        others.push(store.reopen().await);
    }
    let all = others.iter().map(|other| other.migrate(&[PETS]));
    for outcome in futures::future::join_all(all).await {
        outcome.unwrap();
    }
    assert!(store.pending_migrations(&[PETS]).await.unwrap().is_empty());
}

async fn pending_are_named(store: TestStore) {
    assert_eq!(store.pending_migrations(&[PETS]).await.unwrap(), ["test_0001_pets"]);
}
