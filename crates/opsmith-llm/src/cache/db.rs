use chrono::{DateTime, Utc};
use opsmith_store::{Store, StoreError};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "llm_answers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    #[sea_orm(column_type = "Text")]
    pub answer: String,
    pub bytes: i64,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// The answer kept under `digest`, unless its time is over.
pub(super) async fn get(store: &Store, digest: &str, now: DateTime<Utc>) -> Result<Option<String>, StoreError> {
    let kept = Entity::find_by_id(digest).filter(Column::ExpiresAt.gt(now)).one(store.read()).await?;
    Ok(kept.map(|row| row.answer))
}

/// Keeps an answer in the place of an earlier one.
pub(super) async fn put(
    store: &Store,
    digest: &str,
    answer: &str,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        digest: Set(digest.to_owned()),
        answer: Set(answer.to_owned()),
        bytes: Set(i64::try_from(answer.len()).unwrap_or(i64::MAX)),
        created_at: Set(now),
        expires_at: Set(expires_at),
    };
    let newest = OnConflict::column(Column::Digest)
        .update_columns([Column::Answer, Column::Bytes, Column::CreatedAt, Column::ExpiresAt])
        .to_owned();
    let write = store.write().await?;
    Entity::insert(row).on_conflict(newest).exec_without_returning(&*write).await?;
    write.commit().await
}

/// Drops what is over, and then the oldest until the rest has at most `max_bytes`.
pub(super) async fn trim(store: &Store, max_bytes: u64, now: DateTime<Utc>) -> Result<(), StoreError> {
    let write = store.write().await?;
    Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(&*write).await?;
    let newest_first = Entity::find()
        .select_only()
        .columns([Column::Digest, Column::Bytes])
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Digest);
    let rows: Vec<(String, i64)> = newest_first.into_tuple().all(&*write).await?;
    let mut kept: u64 = 0;
    let too_much = rows.into_iter().filter(|(_, bytes)| {
        kept = kept.saturating_add(u64::try_from(*bytes).unwrap_or(0));
        kept > max_bytes
    });
    let digests: Vec<String> = too_much.map(|(digest, _)| digest).collect();
    // Both databases limit how many values one statement may have.
    for some in digests.chunks(500) {
        Entity::delete_many().filter(Column::Digest.is_in(some.to_vec())).exec(&*write).await?;
    }
    write.commit().await
}
