use std::collections::HashMap;

use chrono::{DateTime, Utc};
use opsmith_model::RunId;
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ExprTrait, QueryOrder, QuerySelect};

use super::runs::{Column, Entity, Model, QUEUED, RUNNING};

/// What a worker has to know of a run that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: RunId,
    pub(crate) epoch: i64,
    pub(crate) cancel_requested: bool,
}

fn due(kinds: &[String], now: DateTime<Utc>) -> sea_orm::Select<Entity> {
    Entity::find()
        .filter(Column::State.eq(QUEUED))
        .filter(Column::Kind.is_in(kinds))
        .filter(Condition::any().add(Column::DueAt.is_null()).add(Column::DueAt.lte(now)))
}

/// Whether a claim is worth its write lock.
pub(crate) async fn any_due<C: ConnectionTrait>(
    db: &C,
    kinds: &[String],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    Ok(due(kinds, now).select_only().column(Column::Id).into_tuple::<String>().one(db).await?.is_some())
}

/// How many runs the worker holds.
pub(crate) async fn count_held<C: ConnectionTrait>(db: &C, worker_id: &str) -> Result<usize, StoreError> {
    let held = Entity::find().filter(Column::State.eq(RUNNING)).filter(Column::WorkerId.eq(worker_id));
    Ok(usize::try_from(held.count(db).await?).unwrap_or(usize::MAX))
}

/// Gives due runs to `worker_id`, until it holds `concurrency`: highest priority first, then oldest, never past a
/// key's limit.
pub(crate) async fn claim(
    db: &Write,
    worker_id: &str,
    kinds: &[String],
    concurrency: usize,
    now: DateTime<Utc>,
) -> Result<Vec<RunId>, StoreError> {
    db.take_turns("runs.claim").await?;
    let free = concurrency.saturating_sub(count_held(&**db, worker_id).await?);
    let mut running = running_by_key(db).await?;
    let mut claimed = Vec::new();
    while claimed.len() < free {
        let full: Vec<String> = running.iter().filter(|(_, key)| key.is_full()).map(|(name, _)| name.clone()).collect();
        let open = Condition::any().add(Column::ConcurrencyKey.is_null()).add(Column::ConcurrencyKey.is_not_in(full));
        let next = due(kinds, now).filter(open).order_by_desc(Column::Priority).order_by_asc(Column::Id);
        let Some(row) = next.one(&**db).await? else { break };
        if let Some(name) = &row.concurrency_key {
            let key = running.entry(name.clone()).or_insert(Key { running: 0, limit: i64::from(row.key_limit) });
            key.limit = Ord::min(key.limit, i64::from(row.key_limit));
            if key.is_full() {
                continue;
            }
            key.running += 1;
        }
        take(db, worker_id, &row, now).await?;
        claimed.push(row.id.parse().map_err(|_| StoreError::unreadable("runs.id"))?);
    }
    Ok(claimed)
}

struct Key {
    running: i64,
    limit: i64,
}

impl Key {
    fn is_full(&self) -> bool {
        self.running >= self.limit
    }
}

async fn running_by_key(db: &Write) -> Result<HashMap<String, Key>, StoreError> {
    let rows: Vec<(String, i64, i32)> = Entity::find()
        .filter(Column::State.eq(RUNNING))
        .filter(Column::ConcurrencyKey.is_not_null())
        .select_only()
        .column(Column::ConcurrencyKey)
        .column_as(Column::Id.count(), "running")
        .column_as(Column::KeyLimit.min(), "key_limit")
        .group_by(Column::ConcurrencyKey)
        .into_tuple()
        .all(&**db)
        .await?;
    Ok(rows.into_iter().map(|(key, running, limit)| (key, Key { running, limit: i64::from(limit) })).collect())
}

async fn take(db: &Write, worker_id: &str, row: &Model, now: DateTime<Utc>) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(RUNNING))
        .col_expr(Column::WorkerId, Expr::value(worker_id))
        .col_expr(Column::StartedAt, Expr::value(row.started_at.unwrap_or(now)))
        .filter(Column::Id.eq(row.id.as_str()))
        .exec(&**db)
        .await?;
    Ok(())
}

/// Puts a claimed run that could not be begun back into the queue.
pub(crate) async fn release(db: &Write, id: RunId, worker_id: &str) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(QUEUED))
        .col_expr(Column::WorkerId, Expr::value(Option::<String>::None))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::State.eq(RUNNING))
        .filter(Column::WorkerId.eq(worker_id))
        .exec(&**db)
        .await?;
    Ok(())
}

/// Takes the run up under a new epoch; `None` where it has ended.
///
/// The journal lets one process at a time begin to execute a run, so the newest beginner is the rightful one.
pub(crate) async fn acquire(db: &Write, id: RunId, worker_id: &str) -> Result<Option<Model>, StoreError> {
    let taken = Entity::update_many()
        .col_expr(Column::WorkerId, Expr::value(worker_id))
        .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::State.eq(RUNNING))
        .exec(&**db)
        .await?;
    if taken.rows_affected == 0 {
        return Ok(None);
    }
    Ok(Entity::find_by_id(id.to_string()).one(&**db).await?)
}

/// Whether `epoch` still holds the run.
pub(crate) async fn holds<C: ConnectionTrait>(db: &C, id: RunId, epoch: i64) -> Result<bool, StoreError> {
    let held = Entity::find_by_id(id.to_string())
        .filter(Column::State.eq(RUNNING))
        .filter(Column::Epoch.eq(epoch))
        .select_only()
        .column(Column::Id)
        .into_tuple::<String>()
        .one(db)
        .await?;
    Ok(held.is_some())
}

/// The same, and the row is locked until the transaction ends.
pub(crate) async fn lock(db: &Write, id: RunId, epoch: i64) -> Result<bool, StoreError> {
    let locked = Entity::update_many()
        .col_expr(Column::Epoch, Expr::value(epoch))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::State.eq(RUNNING))
        .filter(Column::Epoch.eq(epoch))
        .exec(&**db)
        .await?;
    Ok(locked.rows_affected == 1)
}

/// The runs that these workers hold.
pub(crate) async fn held_by<C: ConnectionTrait>(db: &C, worker_ids: &[String]) -> Result<Vec<Held>, StoreError> {
    let rows: Vec<(String, i64, bool)> = Entity::find()
        .filter(Column::State.eq(RUNNING))
        .filter(Column::WorkerId.is_in(worker_ids))
        .select_only()
        .columns([Column::Id, Column::Epoch, Column::CancelRequested])
        .into_tuple()
        .all(db)
        .await?;
    let parse = |(id, epoch, cancel_requested): (String, i64, bool)| {
        let id = id.parse().map_err(|_| StoreError::unreadable("runs.id"))?;
        Ok(Held { id, epoch, cancel_requested })
    };
    rows.into_iter().map(parse).collect()
}

/// Hands a run that a dead worker claimed but never began to another; one of several takers wins.
pub(crate) async fn reassign(db: &Write, held: &Held, from: &[String], to: &str) -> Result<bool, StoreError> {
    let moved = Entity::update_many()
        .col_expr(Column::WorkerId, Expr::value(to))
        .filter(Column::Id.eq(held.id.to_string()))
        .filter(Column::State.eq(RUNNING))
        .filter(Column::Epoch.eq(held.epoch))
        .filter(Column::WorkerId.is_in(from))
        .exec(&**db)
        .await?;
    Ok(moved.rows_affected == 1)
}
