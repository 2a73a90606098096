use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, text, timestamp_with_time_zone};

/// The gateway's tables.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Gateway)]
}

struct Gateway;

impl MigrationName for Gateway {
    fn name(&self) -> &'static str {
        "llm_0001_gateway"
    }
}

fn name(text: &'static str) -> Alias {
    Alias::new(text)
}

#[async_trait]
impl MigrationTrait for Gateway {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let spend = Table::create()
            .table(name("llm_spend"))
            .col(string(name("scope")).primary_key())
            .col(big_integer(name("tokens")))
            .col(big_integer(name("nano_usd")))
            .col(big_integer(name("unpriced_calls")))
            .col(timestamp_with_time_zone(name("updated_at")))
            .take();
        let answers = Table::create()
            .table(name("llm_answers"))
            .col(string(name("digest")).primary_key())
            .col(text(name("answer")))
            .col(big_integer(name("bytes")))
            .col(timestamp_with_time_zone(name("created_at")))
            .col(timestamp_with_time_zone(name("expires_at")))
            .take();
        let by_age =
            Index::create().name("llm_answers_created_at").table(name("llm_answers")).col(name("created_at")).take();
        manager.create_table(spend).await?;
        manager.create_table(answers).await?;
        manager.create_index(by_age).await
    }
}
