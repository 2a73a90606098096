use chrono::{DateTime, Utc};
use opsmith_model::{Principal, TokenId};
use opsmith_store::{Page, Store, StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, Condition, PaginatorTrait, QueryOrder, QuerySelect};

use crate::tokens::Token;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guard_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub hash: String,
    pub name: String,
    pub kind: String,
    pub role: String,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub last_used_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

/// A token with the hash of its text.
pub(crate) struct Kept {
    pub(crate) token: Token,
    pub(crate) hash: String,
}

impl TryFrom<Model> for Kept {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("token {}", row.id));
        let principal: Principal = format!("{}:{}", row.kind, row.name).parse().map_err(|_| unreadable())?;
        let token = Token {
            id: row.id.parse().map_err(|_| unreadable())?,
            name: principal.name,
            kind: principal.kind,
            role: row.role.parse().map_err(|_| unreadable())?,
            created_by: row.created_by.parse().map_err(|_| unreadable())?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        };
        Ok(Self { token, hash: row.hash })
    }
}

pub(crate) async fn insert(db: &Write, token: &Token, hash: String) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(token.id.to_string()),
        hash: Set(hash),
        name: Set(token.name.clone()),
        kind: Set(token.kind.as_str().to_owned()),
        role: Set(token.role.as_str().to_owned()),
        created_by: Set(token.created_by.to_string()),
        created_at: Set(token.created_at),
        expires_at: Set(token.expires_at),
        revoked_at: Set(token.revoked_at),
        last_used_at: Set(token.last_used_at),
    };
    Entity::insert(row).exec_without_returning(&**db).await?;
    Ok(())
}

pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: TokenId) -> Result<Option<Kept>, StoreError> {
    Entity::find_by_id(id.to_string()).one(db).await?.map(Kept::try_from).transpose()
}

/// Ends one that is not ended yet; false where it was.
pub(crate) async fn revoke(db: &Write, id: TokenId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let set = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::RevokedAt.is_null())
        .exec(&**db)
        .await?;
    Ok(set.rows_affected == 1)
}

/// Newest first, and how many there are.
pub(crate) async fn newest(db: &DatabaseConnection, page: Page) -> Result<(Vec<Token>, u64), StoreError> {
    let rows = Entity::find().order_by_desc(Column::Id).limit(page.limit).offset(page.offset).all(db).await?;
    let tokens = rows.into_iter().map(|row| Kept::try_from(row).map(|kept| kept.token));
    Ok((tokens.collect::<Result<_, _>>()?, Entity::find().count(db).await?))
}

pub(crate) async fn count_active(db: &DatabaseConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let lasts = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
    Ok(Entity::find().filter(Column::RevokedAt.is_null()).filter(lasts).count(db).await?)
}

pub(crate) async fn any_standing(db: &DatabaseConnection) -> Result<bool, StoreError> {
    Ok(Entity::find().filter(Column::RevokedAt.is_null()).one(db).await?.is_some())
}

/// Moves the last use on to `now`, never back.
pub(crate) async fn note_use(store: &Store, id: TokenId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let write = store.write().await?;
    let earlier = Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lt(now));
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now))
        .filter(Column::Id.eq(id.to_string()))
        .filter(earlier)
        .exec(&*write)
        .await?;
    write.commit().await
}
