use chrono::{DateTime, Utc};
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Func, OnConflict, Query};
use sea_orm::{ActiveValue::Set, ExprTrait, FromQueryResult, QueryOrder, QuerySelect};

use super::runs;
use crate::{Identity, WorkerRow};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run_workers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub host: String,
    pub pid: i32,
    pub concurrency: i32,
    /// Grows while the worker lives; others watch it change, so no two clocks are compared.
    pub beat: i64,
    pub stopped: bool,
    pub seen_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// Writes this worker's row, or takes up the one it had before a restart.
pub(crate) async fn register(
    db: &Write,
    identity: &Identity,
    concurrency: usize,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(identity.id().to_owned()),
        host: Set(identity.host().to_owned()),
        pid: Set(i32::try_from(std::process::id()).unwrap_or(0)),
        concurrency: Set(i32::try_from(concurrency).unwrap_or(i32::MAX)),
        beat: Set(1),
        stopped: Set(false),
        seen_at: Set(now),
    };
    let known = OnConflict::column(Column::Id)
        .update_columns([Column::Host, Column::Pid, Column::Concurrency, Column::Stopped, Column::SeenAt])
        .value(Column::Beat, Expr::col((Entity, Column::Beat)).add(1))
        .to_owned();
    Entity::insert(row).on_conflict(known).exec_without_returning(&**db).await?;
    Ok(())
}

pub(crate) async fn beat(db: &Write, id: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Beat, Expr::col(Column::Beat).add(1))
        .col_expr(Column::SeenAt, Expr::value(now))
        .col_expr(Column::Stopped, Expr::value(false))
        .filter(Column::Id.eq(id))
        .exec(&**db)
        .await?;
    Ok(())
}

pub(crate) async fn stop(db: &Write, id: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Stopped, Expr::value(true))
        .col_expr(Column::SeenAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(&**db)
        .await?;
    Ok(())
}

/// Every other worker's id, beat and whether it stopped in good order.
pub(crate) async fn others<C: ConnectionTrait>(db: &C, me: &str) -> Result<Vec<(String, i64, bool)>, StoreError> {
    let rows = Entity::find().filter(Column::Id.ne(me)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.beat, row.stopped)).collect())
}

#[derive(FromQueryResult)]
struct Holder {
    #[sea_orm(nested)]
    worker: Model,
    running: i64,
}

/// All workers that were ever seen, with what they hold.
pub(crate) async fn list<C: ConnectionTrait>(db: &C) -> Result<Vec<WorkerRow>, StoreError> {
    let holds = Query::select()
        .expr(Func::count(Expr::col((runs::Entity, runs::Column::Id))))
        .from(runs::Entity)
        .and_where(Expr::col((runs::Entity, runs::Column::WorkerId)).equals((Entity, Column::Id)))
        .and_where(Expr::col((runs::Entity, runs::Column::State)).eq(runs::RUNNING))
        .take();
    let rows: Vec<Holder> = Entity::find()
        .expr_as(Expr::SubQuery(None, Box::new(holds.into())), "running")
        .order_by_asc(Column::Id)
        .into_model()
        .all(db)
        .await?;
    let worker = |Holder { worker, running }| {
        let running = u64::try_from(running).map_err(|_| StoreError::unreadable("run_workers"))?;
        let Model { id, host, pid, concurrency, stopped, seen_at, .. } = worker;
        Ok(WorkerRow { id, host, pid, concurrency, stopped, seen_at, running })
    };
    rows.into_iter().map(worker).collect()
}
