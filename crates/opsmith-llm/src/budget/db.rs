use chrono::{DateTime, Utc};
use opsmith_store::{StoreError, Write};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::Spent;
use crate::Usd;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "llm_spend")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    pub tokens: i64,
    pub nano_usd: i64,
    pub unpriced_calls: i64,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// What a scope has taken; nothing where it has no row.
pub(super) async fn read<C: ConnectionTrait>(db: &C, scope: &str) -> Result<Spent, StoreError> {
    let row = Entity::find_by_id(scope).one(db).await?;
    row.map_or_else(
        || Ok(Spent::default()),
        |row| {
            let count = |value: i64| {
                u64::try_from(value).map_err(|_| StoreError::unreadable(format!("spending of {}", row.scope)))
            };
            Ok(Spent {
                tokens: count(row.tokens)?,
                usd: Usd::from_nano(row.nano_usd),
                unpriced_calls: count(row.unpriced_calls)?,
            })
        },
    )
}

/// Puts `spent` in the place of what the scope had.
pub(super) async fn write(db: &Write, scope: &str, spent: Spent, now: DateTime<Utc>) -> Result<(), StoreError> {
    let count = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let row = ActiveModel {
        scope: Set(scope.to_owned()),
        tokens: Set(count(spent.tokens)),
        nano_usd: Set(spent.usd.nano()),
        unpriced_calls: Set(count(spent.unpriced_calls)),
        updated_at: Set(now),
    };
    let newest = OnConflict::column(Column::Scope)
        .update_columns([Column::Tokens, Column::NanoUsd, Column::UnpricedCalls, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row).on_conflict(newest).exec_without_returning(&**db).await?;
    Ok(())
}

/// Waits until nobody else reserves or settles, and keeps them waiting until the commit.
pub(super) async fn take_turns(db: &Write) -> Result<(), StoreError> {
    db.take_turns("llm.budget").await
}
