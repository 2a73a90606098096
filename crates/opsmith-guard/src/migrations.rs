use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, string, string_null, text, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

/// The gate's tables.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(GateTables), Box::new(ClientChains), Box::new(Tokens)]
}

struct GateTables;

impl MigrationName for GateTables {
    fn name(&self) -> &'static str {
        "guard_0001_gate_tables"
    }
}

fn name(text: &'static str) -> Alias {
    Alias::new(text)
}

#[async_trait]
impl MigrationTrait for GateTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let confirmations = Table::create()
            .table(name("guard_confirmations"))
            .col(string(name("id")).primary_key())
            .col(string(name("digest")))
            .col(text(name("plan")))
            .col(text(name("reason")))
            .col(string(name("state")))
            .col(string(name("requested_by")))
            .col(string_null(name("answered_by")))
            .col(string_null(name("consumed_by")))
            .col(timestamp_with_time_zone(name("created_at")))
            .col(timestamp_with_time_zone(name("expires_at")))
            .take();
        let by_digest = Index::create()
            .name("guard_confirmations_digest")
            .table(name("guard_confirmations"))
            .col(name("digest"))
            .take();
        let audit = Table::create()
            .table(name("guard_audit"))
            .col(big_integer(name("seq")).primary_key())
            .col(string(name("id")))
            .col(timestamp_with_time_zone(name("at")))
            .col(string(name("principal")))
            .col(string(name("action")))
            .col(string(name("target")))
            .col(string(name("operation_key")))
            .col(string_null(name("digest")))
            .col(string(name("outcome")))
            .col(text(name("detail")))
            .col(string(name("previous_hash")))
            .col(string(name("hash")))
            .take();
        let head = Table::create()
            .table(name("guard_audit_head"))
            .col(big_integer(name("id")).primary_key())
            .col(big_integer(name("seq")))
            .col(string(name("hash")))
            .take();
        manager.create_table(confirmations).await?;
        manager.create_index(by_digest).await?;
        manager.create_table(audit).await?;
        let by_operation =
            Index::create().name("guard_audit_operation").table(name("guard_audit")).col(name("operation_key")).take();
        manager.create_index(by_operation).await?;
        manager.create_table(head).await
    }
}

struct ClientChains;

impl MigrationName for ClientChains {
    fn name(&self) -> &'static str {
        "guard_0002_client_chains"
    }
}

#[async_trait]
impl MigrationTrait for ClientChains {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in
            [string_null(name("client")), big_integer_null(name("client_seq")), string_null(name("client_hash"))]
        {
            manager.alter_table(Table::alter().table(name("guard_audit")).add_column(column).take()).await?;
        }
        let by_client = Index::create()
            .name("guard_audit_client")
            .table(name("guard_audit"))
            .col(name("client"))
            .col(name("client_seq"))
            .unique()
            .take();
        manager.create_index(by_client).await
    }
}

struct Tokens;

impl MigrationName for Tokens {
    fn name(&self) -> &'static str {
        "guard_0003_tokens"
    }
}

#[async_trait]
impl MigrationTrait for Tokens {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tokens = Table::create()
            .table(name("guard_tokens"))
            .col(string(name("id")).primary_key())
            .col(string(name("hash")))
            .col(string(name("name")))
            .col(string(name("kind")))
            .col(string(name("role")))
            .col(string(name("created_by")))
            .col(timestamp_with_time_zone(name("created_at")))
            .col(timestamp_with_time_zone_null(name("expires_at")))
            .col(timestamp_with_time_zone_null(name("revoked_at")))
            .col(timestamp_with_time_zone_null(name("last_used_at")))
            .take();
        manager.create_table(tokens).await
    }
}
