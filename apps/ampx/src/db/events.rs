use chrono::{DateTime, Utc};
use opsmith_model::TaskId;
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use crate::events::{Event, EventKind, LogStream};
use crate::task::TaskStatus;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ampx_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub task_id: String,
    pub attempt: i32,
    pub kind: String,
    /// The status, or the log's stream.
    pub label: String,
    /// The summary, or the log's text.
    pub text: String,
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

const STATUS: &str = "status";
const LOG: &str = "log";

impl TryFrom<Model> for Event {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("event {}", row.seq));
        let kind = match row.kind.as_str() {
            STATUS => {
                EventKind::Status { status: TaskStatus::parse(&row.label).ok_or_else(unreadable)?, summary: row.text }
            }
            LOG => EventKind::Log { stream: LogStream::parse(&row.label).ok_or_else(unreadable)?, text: row.text },
            _ => return Err(unreadable()),
        };
        Ok(Self {
            seq: row.seq,
            task_id: row.task_id.parse().map_err(|_| StoreError::unreadable("ampx_events.task_id"))?,
            attempt: u32::try_from(row.attempt).unwrap_or(0),
            kind,
            at: row.at,
        })
    }
}

/// Adds an event. Writers take turns, so that a reader never sees a number before a smaller one.
pub(crate) async fn append(
    db: &Write,
    task_id: TaskId,
    attempt: u32,
    kind: &EventKind,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    db.take_turns("ampx.events").await?;
    let (kind, label, text) = match kind {
        EventKind::Status { status, summary } => (STATUS, status.as_str(), summary),
        EventKind::Log { stream, text } => (LOG, stream.as_str(), text),
    };
    let row = ActiveModel {
        task_id: Set(task_id.to_string()),
        attempt: Set(i32::try_from(attempt).unwrap_or(i32::MAX)),
        kind: Set(kind.to_owned()),
        label: Set(label.to_owned()),
        // PostgreSQL has no NUL in texts.
        text: Set(text.replace('\0', "\u{fffd}")),
        at: Set(now),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(&**db).await?;
    Ok(())
}

/// Events after `seq`, oldest first.
pub(crate) async fn after<C: ConnectionTrait>(
    db: &C,
    seq: i64,
    task: Option<TaskId>,
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    let mut query = Entity::find().filter(Column::Seq.gt(seq));
    if let Some(task) = task {
        query = query.filter(Column::TaskId.eq(task.to_string()));
    }
    let rows = query.order_by_asc(Column::Seq).limit(limit).all(db).await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// A task's log events before `seq`, newest first.
pub(crate) async fn logs_before<C: ConnectionTrait>(
    db: &C,
    task: TaskId,
    seq: i64,
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    let rows = Entity::find()
        .filter(Column::TaskId.eq(task.to_string()))
        .filter(Column::Kind.eq(LOG))
        .filter(Column::Seq.lt(seq))
        .order_by_desc(Column::Seq)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The newest event's number, of one task or of all; 0 where there is none.
pub(crate) async fn last<C: ConnectionTrait>(db: &C, task: Option<TaskId>) -> Result<i64, StoreError> {
    let mut query = Entity::find();
    if let Some(task) = task {
        query = query.filter(Column::TaskId.eq(task.to_string()));
    }
    let seq = query.order_by_desc(Column::Seq).select_only().column(Column::Seq).into_tuple::<i64>().one(db).await?;
    Ok(seq.unwrap_or(0))
}
