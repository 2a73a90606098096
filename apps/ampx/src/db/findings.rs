use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opsmith_model::{Principal, TaskId};
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, Condition, QueryOrder};

use crate::gates::{AttemptFinding, FindingKind, Standing};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ampx_gate_findings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: i32,
    /// Its place among the attempt's findings, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    pub kind: String,
    pub path: String,
    pub line: Option<i32>,
    pub test: Option<String>,
    pub what: String,
    /// What it was found in; unknown for those from before this was kept.
    pub content: Option<String>,
    /// `held`, `allowed` or `accepted`.
    pub standing: String,
    pub accepted_by: Option<String>,
    pub accepted_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

const HELD: &str = "held";
const ALLOWED: &str = "allowed";
const ACCEPTED: &str = "accepted";

impl TryFrom<Model> for AttemptFinding {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("a finding of task {}", row.task_id));
        let standing = match (row.standing.as_str(), row.accepted_by.as_deref(), row.accepted_at) {
            (HELD, _, _) => Standing::Held,
            (ALLOWED, _, _) => Standing::Allowed,
            (ACCEPTED, Some(by), Some(at)) => Standing::Accepted { by: by.parse().map_err(|_| unreadable())?, at },
            (_, _, _) => return Err(unreadable()),
        };
        let kind = FindingKind::parse(&row.kind).ok_or_else(unreadable)?;
        let line = row.line.and_then(|line| u32::try_from(line).ok());
        Ok(Self { kind, path: row.path, line, test: row.test, what: row.what, standing, content: row.content })
    }
}

fn number_of(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}

/// Keeps what the gate found in an attempt, in place of what it found before.
pub(crate) async fn replace(
    db: &Write,
    task_id: TaskId,
    attempt: u32,
    findings: &[AttemptFinding],
) -> Result<(), StoreError> {
    let attempt = number_of(attempt);
    let of_task = Entity::delete_many().filter(Column::TaskId.eq(task_id.to_string()));
    of_task.filter(Column::Attempt.eq(attempt)).exec(&**db).await?;
    // PostgreSQL has no NUL in texts.
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    let rows = findings.iter().zip(0..).map(|(finding, position)| {
        let (standing, accepted) = match &finding.standing {
            Standing::Held => (HELD, None),
            Standing::Allowed => (ALLOWED, None),
            Standing::Accepted { by, at } => (ACCEPTED, Some((by.to_string(), *at))),
        };
        let (accepted_by, accepted_at) = accepted.unzip();
        ActiveModel {
            task_id: Set(task_id.to_string()),
            attempt: Set(attempt),
            position: Set(position),
            kind: Set(finding.kind.as_str().to_owned()),
            path: Set(clean(&finding.path)),
            line: Set(finding.line.and_then(|line| i32::try_from(line).ok())),
            test: Set(finding.test.as_deref().map(clean)),
            what: Set(clean(&finding.what)),
            content: Set(finding.content.clone()),
            standing: Set(standing.to_owned()),
            accepted_by: Set(accepted_by),
            accepted_at: Set(accepted_at),
        }
    });
    if !findings.is_empty() {
        Entity::insert_many(rows).exec_without_returning(&**db).await?;
    }
    Ok(())
}

/// What the gate found, by attempt.
pub(crate) async fn of_task<C: ConnectionTrait>(
    db: &C,
    task_id: TaskId,
) -> Result<BTreeMap<u32, Vec<AttemptFinding>>, StoreError> {
    let query = Entity::find().filter(Column::TaskId.eq(task_id.to_string()));
    let mut found: BTreeMap<u32, Vec<AttemptFinding>> = BTreeMap::new();
    for row in query.order_by_asc(Column::Attempt).order_by_asc(Column::Position).all(db).await? {
        let attempt = u32::try_from(row.attempt).unwrap_or(0);
        found.entry(attempt).or_default().push(row.try_into()?);
    }
    Ok(found)
}

/// What people have let pass, in whatever attempt of the task.
pub(crate) async fn accepted<C: ConnectionTrait>(db: &C, task_id: TaskId) -> Result<Vec<AttemptFinding>, StoreError> {
    let query = Entity::find().filter(Column::TaskId.eq(task_id.to_string())).filter(Column::Standing.eq(ACCEPTED));
    query.all(db).await?.into_iter().map(AttemptFinding::try_from).collect()
}

/// Lets pass what is held of an attempt; what that was.
pub(crate) async fn accept(
    db: &Write,
    task_id: TaskId,
    attempt: u32,
    by: &Principal,
    now: DateTime<Utc>,
) -> Result<Vec<AttemptFinding>, StoreError> {
    let held = Condition::all()
        .add(Column::TaskId.eq(task_id.to_string()))
        .add(Column::Attempt.eq(number_of(attempt)))
        .add(Column::Standing.eq(HELD));
    let rows = Entity::find().filter(held.clone()).order_by_asc(Column::Position).all(&**db).await?;
    let accepted = Entity::update_many()
        .col_expr(Column::Standing, Expr::value(ACCEPTED))
        .col_expr(Column::AcceptedBy, Expr::value(by.to_string()))
        .col_expr(Column::AcceptedAt, Expr::value(now));
    accepted.filter(held).exec(&**db).await?;
    rows.into_iter().map(AttemptFinding::try_from).collect()
}
