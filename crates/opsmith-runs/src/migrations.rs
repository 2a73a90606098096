use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, boolean, integer, string, string_null, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};

/// The tables of runs.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(RunTables)]
}

struct RunTables;

impl MigrationName for RunTables {
    fn name(&self) -> &'static str {
        "runs_0001_run_tables"
    }
}

fn name(text: &'static str) -> Alias {
    Alias::new(text)
}

#[async_trait]
impl MigrationTrait for RunTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let runs = Table::create()
            .table(name("runs"))
            .col(string(name("id")).primary_key())
            .col(string(name("kind")))
            .col(text(name("label")))
            .col(text(name("input")))
            .col(string(name("requested_by")))
            .col(string_null(name("concurrency_key")))
            .col(integer(name("key_limit")))
            .col(integer(name("priority")))
            .col(string_null(name("idempotency_key")).unique_key())
            .col(string(name("state")))
            .col(text_null(name("result")))
            .col(string_null(name("worker_id")))
            .col(big_integer(name("epoch")))
            .col(boolean(name("cancel_requested")))
            .col(string_null(name("retry_of")))
            .col(timestamp_with_time_zone(name("created_at")))
            .col(timestamp_with_time_zone_null(name("started_at")))
            .col(timestamp_with_time_zone_null(name("finished_at")))
            .col(timestamp_with_time_zone_null(name("due_at")))
            .take();
        let by_state = Index::create()
            .name("runs_state_priority")
            .table(name("runs"))
            .col(name("state"))
            .col(name("priority"))
            .col(name("id"))
            .take();
        let workers = Table::create()
            .table(name("run_workers"))
            .col(string(name("id")).primary_key())
            .col(string(name("host")))
            .col(integer(name("pid")))
            .col(integer(name("concurrency")))
            .col(big_integer(name("beat")))
            .col(boolean(name("stopped")))
            .col(timestamp_with_time_zone(name("seen_at")))
            .take();
        let signals = Table::create()
            .table(name("run_signals"))
            .col(string(name("id")).primary_key())
            .col(string(name("run_id")))
            .col(string(name("topic")))
            .col(text(name("payload")))
            .col(string_null(name("consumed_by")))
            .take();
        let by_run = Index::create()
            .name("run_signals_run")
            .table(name("run_signals"))
            .col(name("run_id"))
            .col(name("topic"))
            .take();
        manager.create_table(runs).await?;
        manager.create_index(by_state).await?;
        manager.create_table(workers).await?;
        manager.create_table(signals).await?;
        manager.create_index(by_run).await
    }
}
