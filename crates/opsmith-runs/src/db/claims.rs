use std::collections::HashMap;

use chrono::{DateTime, Utc};
use opsmith_model::RunId;
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ExprTrait, QueryOrder, QuerySelect, UpdateMany};

use super::runs::{Column, Entity, Model, QUEUED, RUNNING};

/// The turn of whoever claims runs or takes them from a dead worker.
pub(crate) const TURN: &str = "runs.claim";

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
        // What had begun was due once, whatever the clock says now.
        .filter(Condition::any().add(Column::DueAt.is_null()).add(Column::DueAt.lte(now)).add(Column::Epoch.gt(0)))
}

/// Who claims runs, and which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a> {
    pub(crate) worker_id: &'a str,
    pub(crate) kinds: &'a [String],
    /// How many it holds at once, not counting the one that it is there for.
    pub(crate) concurrency: usize,
    /// The run that it is there for: before all others, and of these only what had begun and lost its worker.
    pub(crate) there_for: Option<RunId>,
}

impl Claimant<'_> {
    fn first(&self, now: DateTime<Utc>) -> Option<sea_orm::Select<Entity>> {
        self.there_for.map(|id| due(self.kinds, now).filter(Column::Id.eq(id.to_string())))
    }

    fn others(&self, now: DateTime<Utc>) -> sea_orm::Select<Entity> {
        match self.there_for {
            Some(id) => due(self.kinds, now).filter(Column::Id.ne(id.to_string())).filter(Column::Epoch.gt(0)),
            None => due(self.kinds, now),
        }
    }

    async fn room<C: ConnectionTrait>(&self, db: &C) -> Result<usize, StoreError> {
        let mut held = Entity::find().filter(Column::State.eq(RUNNING)).filter(Column::WorkerId.eq(self.worker_id));
        if let Some(id) = self.there_for {
            held = held.filter(Column::Id.ne(id.to_string()));
        }
        let held = usize::try_from(held.count(db).await?).unwrap_or(usize::MAX);
        Ok(self.concurrency.saturating_sub(held))
    }

    /// Whether a claim is worth its write lock.
    pub(crate) async fn may_claim<C: ConnectionTrait>(&self, db: &C, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let any =
            |query: sea_orm::Select<Entity>| query.select_only().column(Column::Id).into_tuple::<String>().one(db);
        if let Some(first) = self.first(now)
            && any(first).await?.is_some()
        {
            return Ok(true);
        }
        Ok(any(self.others(now)).await?.is_some() && self.room(db).await? > 0)
    }
}

/// Gives due runs to a worker under a new epoch each, as far as it has room: the one that it is there for, what had
/// begun before, then the highest priority, then the oldest; never past a key's limit.
pub(crate) async fn claim(db: &Write, claimant: Claimant<'_>, now: DateTime<Utc>) -> Result<Vec<Model>, StoreError> {
    db.take_turns(TURN).await?;
    let worker_id = claimant.worker_id;
    let mut running = running_by_key(db).await?;
    let mut claimed = Vec::new();
    if let Some(first) = claimant.first(now)
        && let Some(row) = first.one(&**db).await?
        && enters(&mut running, &row)
    {
        claimed.extend(take(db, worker_id, row, now).await?);
    }
    // Asked for after the first, which does not count.
    let most = claimed.len() + claimant.room(&**db).await?;
    while claimed.len() < most {
        let full: Vec<String> = running.iter().filter(|(_, key)| key.is_full()).map(|(name, _)| name.clone()).collect();
        let open = Condition::any().add(Column::ConcurrencyKey.is_null()).add(Column::ConcurrencyKey.is_not_in(full));
        let next = claimant
            .others(now)
            .filter(open)
            .order_by_desc(Column::Epoch.gt(0))
            .order_by_desc(Column::Priority)
            .order_by_asc(Column::Id);
        let Some(row) = next.one(&**db).await? else { break };
        if enters(&mut running, &row) {
            claimed.extend(take(db, worker_id, row, now).await?);
        }
    }
    Ok(claimed)
}

/// Counts a run to its key, unless that is full.
fn enters(running: &mut HashMap<String, Key>, row: &Model) -> bool {
    let Some(name) = &row.concurrency_key else { return true };
    let key = running.entry(name.clone()).or_insert(Key { running: 0, limit: i64::from(row.key_limit) });
    key.limit = Ord::min(key.limit, i64::from(row.key_limit));
    if key.is_full() {
        return false;
    }
    key.running += 1;
    true
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

/// `None` where it was cancelled this moment.
async fn take(db: &Write, worker_id: &str, row: Model, now: DateTime<Utc>) -> Result<Option<Model>, StoreError> {
    let (epoch, started_at) = (row.epoch + 1, row.started_at.unwrap_or(now));
    let taken = Entity::update_many()
        .col_expr(Column::State, Expr::value(RUNNING))
        .col_expr(Column::WorkerId, Expr::value(worker_id))
        .col_expr(Column::Epoch, Expr::value(epoch))
        .col_expr(Column::StartedAt, Expr::value(started_at))
        .filter(Column::Id.eq(row.id.as_str()))
        .filter(Column::State.eq(QUEUED))
        .exec(&**db)
        .await?;
    Ok((taken.rows_affected == 1).then_some(Model { epoch, ..row }))
}

fn back_to_queue() -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(QUEUED))
        .col_expr(Column::WorkerId, Expr::value(Option::<String>::None))
        .filter(Column::State.eq(RUNNING))
}

/// Puts a run that the worker claimed and could not begin back into the queue; one that nobody has executed under its
/// claim is as it was before, with that epoch to be given again.
pub(crate) async fn put_back(db: &Write, claimed: &Model, worker_id: &str, unused: bool) -> Result<(), StoreError> {
    let back = back_to_queue()
        .filter(Column::Id.eq(claimed.id.as_str()))
        .filter(Column::WorkerId.eq(worker_id))
        .filter(Column::Epoch.eq(claimed.epoch));
    let back = if unused { back.col_expr(Column::Epoch, Expr::value(claimed.epoch - 1)) } else { back };
    back.exec(&**db).await?;
    Ok(())
}

/// Puts everything that these workers hold back into the queue; how much that was.
///
/// A run keeps its epoch, which no longer holds it and grows with the next claim.
pub(crate) async fn put_back_all(db: &Write, worker_ids: &[String]) -> Result<u64, StoreError> {
    Ok(back_to_queue().filter(Column::WorkerId.is_in(worker_ids)).exec(&**db).await?.rows_affected)
}

/// What became of a worker's wish to execute a run.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// It is the worker's, under a new epoch.
    Leased(Box<Model>),
    /// It has ended.
    Ended,
    /// It waits, or another worker holds it.
    Elsewhere,
}

/// Takes a run that the worker holds up under a new epoch.
pub(crate) async fn acquire(db: &Write, id: RunId, worker_id: &str) -> Result<Acquired, StoreError> {
    let taken = Entity::update_many()
        .col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::State.eq(RUNNING))
        .filter(Column::WorkerId.eq(worker_id))
        .exec(&**db)
        .await?;
    let row = Entity::find_by_id(id.to_string()).one(&**db).await?;
    Ok(match row {
        Some(row) if taken.rows_affected == 1 => Acquired::Leased(Box::new(row)),
        Some(row) if row.state == QUEUED || row.state == RUNNING => Acquired::Elsewhere,
        Some(_) | None => Acquired::Ended,
    })
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
