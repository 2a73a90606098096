use chrono::{DateTime, Utc};
use opsmith_model::RunId;
use opsmith_store::{Page, StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use crate::{NewRun, Outcome, Run, RunFilter, RunState, StepFailure};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "runs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub kind: String,
    pub label: String,
    pub input: String,
    pub requested_by: String,
    pub concurrency_key: Option<String>,
    pub key_limit: i32,
    pub priority: i32,
    #[sea_orm(unique)]
    pub idempotency_key: Option<String>,
    pub state: String,
    pub result: Option<String>,
    pub worker_id: Option<String>,
    pub epoch: i64,
    pub cancel_requested: bool,
    pub retry_of: Option<String>,
    pub created_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    pub due_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const QUEUED: &str = "queued";
pub(crate) const RUNNING: &str = "running";
const SUCCEEDED: &str = "succeeded";
const FAILED: &str = "failed";
const CANCELLED: &str = "cancelled";

impl TryFrom<Model> for Run {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("run {}", row.id));
        let result = || row.result.as_deref().ok_or_else(unreadable);
        let state = match row.state.as_str() {
            QUEUED => RunState::Queued,
            RUNNING => RunState::Running { worker_id: row.worker_id.clone().ok_or_else(unreadable)?, epoch: row.epoch },
            SUCCEEDED => {
                let output = serde_json::from_str(result()?).map_err(|_| unreadable())?;
                RunState::Finished { outcome: Outcome::Succeeded { output } }
            }
            FAILED => {
                let failure: StepFailure = serde_json::from_str(result()?).map_err(|_| unreadable())?;
                RunState::Finished { outcome: Outcome::Failed { failure } }
            }
            CANCELLED => RunState::Finished { outcome: Outcome::Cancelled },
            _ => return Err(unreadable()),
        };
        Ok(Self {
            id: row.id.parse().map_err(|_| unreadable())?,
            input: serde_json::from_str(&row.input).map_err(|_| unreadable())?,
            requested_by: row.requested_by.parse().map_err(|_| unreadable())?,
            retry_of: row.retry_of.as_deref().map(str::parse).transpose().map_err(|_| unreadable())?,
            kind: row.kind,
            label: row.label,
            concurrency: row.concurrency_key.map(|key| (key, u32::try_from(row.key_limit).unwrap_or(1))),
            priority: row.priority,
            state,
            cancel_requested: row.cancel_requested,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        })
    }
}

/// Queues a run; answers with the earlier one's id where its idempotency key is known.
pub(crate) async fn insert(
    db: &Write,
    id: RunId,
    new: &NewRun,
    retry_of: Option<RunId>,
    now: DateTime<Utc>,
) -> Result<RunId, StoreError> {
    let (key, limit) = new.concurrency.clone().unzip();
    let row = ActiveModel {
        id: Set(id.to_string()),
        kind: Set(new.kind.clone()),
        label: Set(new.label.clone()),
        input: Set(new.input.to_string()),
        requested_by: Set(new.requested_by.to_string()),
        concurrency_key: Set(key),
        key_limit: Set(limit.map_or(0, |limit| i32::try_from(limit.max(1)).unwrap_or(i32::MAX))),
        priority: Set(new.priority),
        idempotency_key: Set(new.idempotency_key.clone()),
        state: Set(QUEUED.to_owned()),
        result: Set(None),
        worker_id: Set(None),
        epoch: Set(0),
        cancel_requested: Set(false),
        retry_of: Set(retry_of.map(|id| id.to_string())),
        created_at: Set(now),
        started_at: Set(None),
        finished_at: Set(None),
        due_at: Set(new.due_at),
    };
    let known = OnConflict::column(Column::IdempotencyKey).do_nothing().to_owned();
    let inserted = Entity::insert(row).on_conflict(known).exec_without_returning(&**db).await?;
    if inserted > 0 {
        return Ok(id);
    }
    let row = Entity::find().filter(Column::IdempotencyKey.eq(new.idempotency_key.clone())).one(&**db).await?;
    let row = row.ok_or_else(|| StoreError::unreadable("runs.idempotency_key"))?;
    row.id.parse().map_err(|_| StoreError::unreadable("runs.id"))
}

pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: RunId) -> Result<Option<Run>, StoreError> {
    Entity::find_by_id(id.to_string()).one(db).await?.map(Run::try_from).transpose()
}

pub(crate) async fn list<C: ConnectionTrait>(
    db: &C,
    filter: &RunFilter,
    page: Page,
) -> Result<(Vec<Run>, u64), StoreError> {
    let mut query = Entity::find();
    if let Some(kind) = &filter.kind {
        query = query.filter(Column::Kind.eq(kind.as_str()));
    }
    if let Some(state) = &filter.state {
        query = query.filter(Column::State.eq(state.as_str()));
    }
    let total = query.clone().count(db).await?;
    let rows = query.order_by_desc(Column::Id).limit(page.limit).offset(page.offset).all(db).await?;
    Ok((rows.into_iter().map(Run::try_from).collect::<Result<_, _>>()?, total))
}

/// Marks the run as to be stopped; one that never began ends at once. False where it has ended already.
///
/// One that had begun and waits again is marked only: its handler has an end to record.
pub(crate) async fn request_cancel(db: &Write, id: RunId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let of_run = || Entity::update_many().filter(Column::Id.eq(id.to_string()));
    let ended = of_run()
        .filter(Column::State.eq(QUEUED))
        .filter(Column::Epoch.eq(0))
        .col_expr(Column::State, Expr::value(CANCELLED))
        .col_expr(Column::CancelRequested, Expr::value(true))
        .col_expr(Column::FinishedAt, Expr::value(now))
        .exec(&**db)
        .await?;
    let marked = of_run()
        .filter(Column::State.is_in([QUEUED, RUNNING]))
        .col_expr(Column::CancelRequested, Expr::value(true))
        .exec(&**db)
        .await?;
    Ok(ended.rows_affected + marked.rows_affected > 0)
}

/// Records how the run ended, if `epoch` still holds it.
pub(crate) async fn finish(
    db: &Write,
    id: RunId,
    epoch: i64,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let json = |value: serde_json::Result<String>| value.map_err(|_| StoreError::unreadable("an outcome"));
    let (state, result) = match outcome {
        Outcome::Succeeded { output } => (SUCCEEDED, Some(output.to_string())),
        Outcome::Failed { failure } => (FAILED, Some(json(serde_json::to_string(failure))?)),
        Outcome::Cancelled => (CANCELLED, None),
    };
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(state))
        .col_expr(Column::Result, Expr::value(result))
        .col_expr(Column::FinishedAt, Expr::value(now))
        .filter(Column::Id.eq(id.to_string()))
        .filter(Column::State.eq(RUNNING))
        .filter(Column::Epoch.eq(epoch))
        .exec(&**db)
        .await?;
    Ok(done.rows_affected == 1)
}
