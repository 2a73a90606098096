use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, string, string_null, text, timestamp_with_time_zone};

/// The local forge's tables.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(PullRequests)]
}

struct PullRequests;

impl MigrationName for PullRequests {
    fn name(&self) -> &'static str {
        "forge_0001_pull_requests"
    }
}

fn name(text: &'static str) -> Alias {
    Alias::new(text)
}

#[async_trait]
impl MigrationTrait for PullRequests {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(name("forge_pull_requests"))
            .col(big_integer(name("number")).primary_key().auto_increment())
            .col(text(name("repository")))
            .col(string(name("head")))
            .col(string(name("base")))
            .col(string(name("head_sha")))
            .col(text(name("title")))
            .col(text(name("body")))
            .col(string(name("state")))
            .col(string_null(name("merged_sha")))
            .col(timestamp_with_time_zone(name("opened_at")))
            .take();
        let by_head = Index::create()
            .name("forge_pull_requests_head")
            .table(name("forge_pull_requests"))
            .col(name("repository"))
            .col(name("head"))
            .take();
        manager.create_table(table).await?;
        manager.create_index(by_head).await
    }
}
