use chrono::{DateTime, Utc};
use opsmith_model::{ConfirmationId, Digest, Plan, Principal};
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, PaginatorTrait, QueryOrder, QuerySelect};

use crate::{Confirmation, ConfirmationState};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guard_confirmations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub digest: String,
    pub plan: String,
    pub reason: String,
    pub state: String,
    pub requested_by: String,
    pub answered_by: Option<String>,
    pub consumed_by: Option<String>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// The words of [`ConfirmationState`] in the table.
const fn word(state: ConfirmationState) -> &'static str {
    match state {
        ConfirmationState::Pending => "pending",
        ConfirmationState::Yes => "yes",
        ConfirmationState::No => "no",
        ConfirmationState::Consumed => "consumed",
    }
}

impl TryFrom<Model> for Confirmation {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("confirmation {}", row.id));
        let plan: Plan = serde_json::from_str(&row.plan).map_err(|_| unreadable())?;
        let state = match row.state.as_str() {
            "pending" => ConfirmationState::Pending,
            "yes" => ConfirmationState::Yes,
            "no" => ConfirmationState::No,
            "consumed" => ConfirmationState::Consumed,
            _ => return Err(unreadable()),
        };
        Ok(Self {
            id: row.id.parse().map_err(|_| unreadable())?,
            digest: row.digest.parse().map_err(|_| unreadable())?,
            answered_by: row.answered_by.as_deref().map(str::parse).transpose().map_err(|_| unreadable())?,
            plan,
            reason: row.reason.clone(),
            state,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

pub(crate) async fn insert(db: &Write, asked: &Confirmation) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(asked.id.to_string()),
        digest: Set(asked.digest.to_string()),
        plan: Set(serde_json::to_string(&asked.plan).map_err(|_| StoreError::unreadable("a plan"))?),
        reason: Set(asked.reason.clone()),
        state: Set(word(asked.state).to_owned()),
        requested_by: Set(asked.plan.operation.principal.to_string()),
        answered_by: Set(None),
        consumed_by: Set(None),
        created_at: Set(asked.created_at),
        expires_at: Set(asked.expires_at),
    };
    Entity::insert(row).exec_without_returning(&**db).await?;
    Ok(())
}

pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: ConfirmationId) -> Result<Option<Confirmation>, StoreError> {
    Entity::find_by_id(id.to_string()).one(db).await?.map(Confirmation::try_from).transpose()
}

/// The pending question about `digest` by `principal`, if it has time left.
pub(crate) async fn pending_for(
    db: &Write,
    digest: &Digest,
    principal: &Principal,
    now: DateTime<Utc>,
) -> Result<Option<Confirmation>, StoreError> {
    let row = Entity::find()
        .filter(Column::Digest.eq(digest.as_str()))
        .filter(Column::RequestedBy.eq(principal.to_string()))
        .filter(Column::State.eq("pending"))
        .filter(Column::ExpiresAt.gt(now))
        .one(&**db)
        .await?;
    row.map(Confirmation::try_from).transpose()
}

/// Uses up a yes to `digest` for the operation `key`; a yes that this operation used before counts again.
pub(crate) async fn consume(db: &Write, digest: &Digest, key: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let of_digest = || Entity::find().filter(Column::Digest.eq(digest.as_str()));
    if of_digest().filter(Column::ConsumedBy.eq(key)).one(&**db).await?.is_some() {
        return Ok(true);
    }
    let fresh = of_digest()
        .filter(Column::State.eq("yes"))
        .filter(Column::ExpiresAt.gt(now))
        .order_by_asc(Column::Id)
        .one(&**db)
        .await?;
    let Some(row) = fresh else { return Ok(false) };
    let used = Entity::update_many()
        .col_expr(Column::State, Expr::value("consumed"))
        .col_expr(Column::ConsumedBy, Expr::value(key))
        .filter(Column::Id.eq(row.id))
        .filter(Column::State.eq("yes"))
        .exec(&**db)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Sets the answer of a pending question; false where somebody was sooner.
pub(crate) async fn answer(
    db: &Write,
    id: ConfirmationId,
    state: ConfirmationState,
    by: &Principal,
) -> Result<bool, StoreError> {
    let set = Entity::update_many()
        .col_expr(Column::State, Expr::value(word(state)))
        .col_expr(Column::AnsweredBy, Expr::value(by.to_string()))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::State.eq("pending"))
        .exec(&**db)
        .await?;
    Ok(set.rows_affected == 1)
}

fn waiting(now: DateTime<Utc>) -> Select<Entity> {
    Entity::find().filter(Column::State.eq("pending")).filter(Column::ExpiresAt.gt(now))
}

/// The questions that wait for an answer, oldest first.
pub(crate) async fn pending<C: ConnectionTrait>(
    db: &C,
    now: DateTime<Utc>,
    limit: u64,
) -> Result<Vec<Confirmation>, StoreError> {
    let rows = waiting(now).order_by_asc(Column::Id).limit(limit).all(db).await?;
    rows.into_iter().map(Confirmation::try_from).collect()
}

/// How many questions wait for an answer.
pub(crate) async fn count_pending(db: &DatabaseConnection, now: DateTime<Utc>) -> Result<u64, StoreError> {
    Ok(waiting(now).count(db).await?)
}
