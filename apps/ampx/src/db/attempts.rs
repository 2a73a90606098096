use chrono::{DateTime, Utc};
use opsmith_model::TaskId;
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder};

use crate::task::{Attempt, Usage};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ampx_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub prompt: String,
    pub head_sha: Option<String>,
    pub thread_id: Option<String>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cost_usd: Option<f64>,
    /// The walls around its agent, as JSON.
    pub agent_walls: Option<String>,
    /// The walls around its check, as JSON.
    pub check_walls: Option<String>,
    pub ci_verdict: Option<String>,
    pub flaky: bool,
    pub pushed: Option<bool>,
    pub log_excerpt: Option<String>,
    pub fingerprint: Option<String>,
    pub summary: Option<String>,
    pub started_at: Option<DateTimeUtc>,
    pub finished_at: Option<DateTimeUtc>,
    /// The run and the name of the long step that began last.
    pub entered: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<Model> for Attempt {
    fn from(row: Model) -> Self {
        let tokens = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        // Of another version's form nothing is known.
        let walls = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            number: u32::try_from(row.number).unwrap_or(0),
            prompt: row.prompt,
            head_sha: row.head_sha,
            thread_id: row.thread_id,
            usage: Usage {
                input_tokens: tokens(row.input_tokens),
                output_tokens: tokens(row.output_tokens),
                cost_usd: row.cost_usd,
            },
            agent_walls: walls(row.agent_walls),
            check_walls: walls(row.check_walls),
            ci_verdict: row.ci_verdict,
            flaky: row.flaky,
            pushed: row.pushed,
            log_excerpt: row.log_excerpt,
            fingerprint: row.fingerprint,
            summary: row.summary,
            // In a table of their own.
            findings: Vec::new(),
            finding_count: 0,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

fn number_of(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Begins an attempt; false where it was begun before, so that this is another try of the same one.
pub(crate) async fn begin(
    db: &Write,
    task_id: TaskId,
    number: u32,
    prompt: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let row = ActiveModel {
        task_id: Set(task_id.to_string()),
        number: Set(number_of(number)),
        prompt: Set(prompt.to_owned()),
        started_at: Set(Some(now)),
        pushed: Set(Some(false)),
        ..Default::default()
    };
    let known = OnConflict::columns([Column::TaskId, Column::Number]).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(known).exec_without_returning(&**db).await? > 0)
}

/// Changes one attempt.
pub(crate) async fn change(
    db: &Write,
    task_id: TaskId,
    number: u32,
    change: impl FnOnce(&mut Attempt),
) -> Result<(), StoreError> {
    let key = (task_id.to_string(), number_of(number));
    let Some(row) = Entity::find_by_id(key.clone()).one(&**db).await? else { return Ok(()) };
    let entered = row.entered.clone();
    let mut attempt = Attempt::from(row);
    change(&mut attempt);
    let tokens = |n: Option<u64>| n.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
    let row = Model {
        task_id: key.0,
        number: key.1,
        prompt: attempt.prompt,
        head_sha: attempt.head_sha,
        thread_id: attempt.thread_id,
        input_tokens: tokens(attempt.usage.input_tokens),
        output_tokens: tokens(attempt.usage.output_tokens),
        cost_usd: attempt.usage.cost_usd,
        agent_walls: attempt.agent_walls.and_then(|walls| serde_json::to_string(&walls).ok()),
        check_walls: attempt.check_walls.and_then(|walls| serde_json::to_string(&walls).ok()),
        ci_verdict: attempt.ci_verdict,
        flaky: attempt.flaky,
        pushed: attempt.pushed,
        log_excerpt: attempt.log_excerpt,
        fingerprint: attempt.fingerprint,
        summary: attempt.summary,
        started_at: attempt.started_at,
        finished_at: attempt.finished_at,
        entered,
    };
    Entity::update(row.into_active_model().reset_all()).exec(&**db).await?;
    Ok(())
}

/// Notes which long step of an attempt begins; true where the same one began before and no other since.
pub(crate) async fn enter(db: &Write, task_id: TaskId, number: u32, step: &str) -> Result<bool, StoreError> {
    let key = (task_id.to_string(), number_of(number));
    let Some(row) = Entity::find_by_id(key.clone()).one(&**db).await? else { return Ok(false) };
    if row.entered.as_deref() == Some(step) {
        return Ok(true);
    }
    let entered = ActiveModel {
        task_id: Set(key.0),
        number: Set(key.1),
        entered: Set(Some(step.to_owned())),
        ..Default::default()
    };
    Entity::update(entered).exec(&**db).await?;
    Ok(false)
}

/// A task's attempts, oldest first.
pub(crate) async fn of_task<C: ConnectionTrait>(db: &C, task_id: TaskId) -> Result<Vec<Attempt>, StoreError> {
    let rows =
        Entity::find().filter(Column::TaskId.eq(task_id.to_string())).order_by_asc(Column::Number).all(db).await?;
    Ok(rows.into_iter().map(Attempt::from).collect())
}
