use std::collections::BTreeMap;

use opsmith_model::TaskId;
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder};

use crate::gates::{FindingKind, GateFinding};

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
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<Model> for GateFinding {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let kind = FindingKind::parse(&row.kind).ok_or_else(|| StoreError::unreadable("ampx_gate_findings.kind"))?;
        let line = row.line.and_then(|line| u32::try_from(line).ok());
        Ok(Self { kind, path: row.path, line, test: row.test, what: row.what })
    }
}

/// Keeps what the gate found in an attempt, in place of what it found before.
pub(crate) async fn replace(
    db: &Write,
    task_id: TaskId,
    attempt: u32,
    findings: &[GateFinding],
) -> Result<(), StoreError> {
    let attempt = i32::try_from(attempt).unwrap_or(i32::MAX);
    let of_task = Entity::delete_many().filter(Column::TaskId.eq(task_id.to_string()));
    of_task.filter(Column::Attempt.eq(attempt)).exec(&**db).await?;
    // PostgreSQL has no NUL in texts.
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    let rows = findings.iter().zip(0..).map(|(finding, position)| ActiveModel {
        task_id: Set(task_id.to_string()),
        attempt: Set(attempt),
        position: Set(position),
        kind: Set(finding.kind.as_str().to_owned()),
        path: Set(clean(&finding.path)),
        line: Set(finding.line.and_then(|line| i32::try_from(line).ok())),
        test: Set(finding.test.as_deref().map(clean)),
        what: Set(clean(&finding.what)),
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
) -> Result<BTreeMap<u32, Vec<GateFinding>>, StoreError> {
    let query = Entity::find().filter(Column::TaskId.eq(task_id.to_string()));
    let mut found: BTreeMap<u32, Vec<GateFinding>> = BTreeMap::new();
    for row in query.order_by_asc(Column::Attempt).order_by_asc(Column::Position).all(db).await? {
        let attempt = u32::try_from(row.attempt).unwrap_or(0);
        found.entry(attempt).or_default().push(row.try_into()?);
    }
    Ok(found)
}
