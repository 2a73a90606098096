use chrono::{DateTime, Utc};
use opsmith_model::{RunId, TaskId};
use opsmith_store::{Page, StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::LikeExpr;
use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder, QuerySelect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::task::{Task, TaskStatus};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ampx_tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub repo: String,
    pub target: String,
    pub branch: String,
    pub base: Option<String>,
    pub base_sha: Option<String>,
    pub agent: String,
    pub agent_asked: bool,
    pub thread_id: Option<String>,
    pub prompt: String,
    pub status: String,
    pub summary: String,
    pub ci_run_id: Option<String>,
    pub ci_url: Option<String>,
    pub attempt_count: i32,
    pub pr_url: Option<String>,
    pub branch_url: Option<String>,
    pub head_sha: Option<String>,
    pub pushed_sha: Option<String>,
    pub merged_at: Option<DateTimeUtc>,
    pub merged_sha: Option<String>,
    pub auto_merge: Option<String>,
    pub merge_plan: Option<String>,
    pub max_attempts: i32,
    pub budget_usd: Option<f64>,
    pub allow_test_edits: bool,
    pub labels: String,
    pub run_id: Option<String>,
    pub idempotency_key: Option<String>,
    pub created_by: String,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// Which tasks to list; what is left out does not matter.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Only these statuses.
    pub statuses: Vec<TaskStatus>,
    /// Only repositories whose address, as it was given, has this in it.
    pub repo: Option<String>,
    /// Only by this principal, as `kind:name`.
    pub created_by: Option<String>,
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn written(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::unreadable("a value of a task"))
}

impl TryFrom<Model> for Task {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("task {}", row.id));
        let count = |n: i32| u32::try_from(n).map_err(|_| unreadable());
        let auto_merge = row.auto_merge.as_deref().map(|text| read(text).ok_or_else(unreadable)).transpose()?;
        Ok(Self {
            id: row.id.parse().map_err(|_| unreadable())?,
            status: TaskStatus::parse(&row.status).ok_or_else(unreadable)?,
            attempt_count: count(row.attempt_count)?,
            max_attempts: count(row.max_attempts)?,
            labels: read(&row.labels).ok_or_else(unreadable)?,
            run_id: row.run_id.as_deref().map(str::parse).transpose().map_err(|_| unreadable())?,
            created_by: row.created_by.parse().map_err(|_| unreadable())?,
            auto_merge,
            repo: row.repo,
            branch: row.branch,
            base: row.base,
            base_sha: row.base_sha,
            agent: row.agent,
            agent_asked: row.agent_asked,
            thread_id: row.thread_id,
            prompt: row.prompt,
            ci_run_id: row.ci_run_id,
            ci_url: row.ci_url,
            summary: row.summary,
            pr_url: row.pr_url,
            branch_url: row.branch_url,
            head_sha: row.head_sha,
            pushed_sha: row.pushed_sha,
            merged_at: row.merged_at,
            merged_sha: row.merged_sha,
            budget_usd: row.budget_usd,
            allow_test_edits: row.allow_test_edits,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

fn model(task: &Task, target: &str, idempotency_key: Option<&str>) -> Result<Model, StoreError> {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    Ok(Model {
        id: task.id.to_string(),
        repo: task.repo.clone(),
        target: target.to_owned(),
        branch: task.branch.clone(),
        base: task.base.clone(),
        base_sha: task.base_sha.clone(),
        agent: task.agent.clone(),
        agent_asked: task.agent_asked,
        thread_id: task.thread_id.clone(),
        prompt: task.prompt.clone(),
        status: task.status.as_str().to_owned(),
        summary: task.summary.clone(),
        ci_run_id: task.ci_run_id.clone(),
        ci_url: task.ci_url.clone(),
        attempt_count: count(task.attempt_count),
        pr_url: task.pr_url.clone(),
        branch_url: task.branch_url.clone(),
        head_sha: task.head_sha.clone(),
        pushed_sha: task.pushed_sha.clone(),
        merged_at: task.merged_at,
        merged_sha: task.merged_sha.clone(),
        auto_merge: task.auto_merge.as_ref().map(written).transpose()?,
        merge_plan: None,
        max_attempts: count(task.max_attempts),
        budget_usd: task.budget_usd,
        allow_test_edits: task.allow_test_edits,
        labels: written(&task.labels)?,
        run_id: task.run_id.map(|id| id.to_string()),
        idempotency_key: idempotency_key.map(str::to_owned),
        created_by: task.created_by.to_string(),
        created_at: task.created_at,
        updated_at: task.updated_at,
    })
}

pub(crate) async fn insert(db: &Write, task: &Task, target: &str, key: Option<&str>) -> Result<(), StoreError> {
    Entity::insert(model(task, target, key)?.into_active_model()).exec_without_returning(&**db).await?;
    Ok(())
}

/// Writes back everything of a task that may change; the caller read it in the same transaction.
pub(crate) async fn update(db: &Write, task: &Task) -> Result<(), StoreError> {
    let mut row = model(task, "", None)?.into_active_model().reset_all();
    for fixed in [Column::Target, Column::IdempotencyKey, Column::MergePlan, Column::CreatedAt, Column::Repo] {
        row.not_set(fixed);
    }
    Entity::update(row).exec(&**db).await?;
    Ok(())
}

pub(crate) async fn find<C: ConnectionTrait>(db: &C, id: TaskId) -> Result<Option<Task>, StoreError> {
    Entity::find_by_id(id.to_string()).one(db).await?.map(Task::try_from).transpose()
}

pub(crate) async fn by_key<C: ConnectionTrait>(db: &C, key: &str) -> Result<Option<Task>, StoreError> {
    Entity::find().filter(Column::IdempotencyKey.eq(key)).one(db).await?.map(Task::try_from).transpose()
}

/// The tasks whose id, or whose short id, ends or begins with `part`, in upper case; at most a few.
pub(crate) async fn matching<C: ConnectionTrait>(db: &C, part: &str) -> Result<Vec<Task>, StoreError> {
    // The last eight characters are what lists show, so these may be cut at their end too.
    let shown = format!("{}{part}%", "_".repeat(18));
    let either = sea_orm::Condition::any()
        .add(Column::Id.ends_with(part))
        .add(Column::Id.starts_with(part))
        .add(Column::Id.like(shown));
    let rows = Entity::find().filter(either).limit(10).all(db).await?;
    rows.into_iter().map(Task::try_from).collect()
}

pub(crate) async fn list<C: ConnectionTrait>(
    db: &C,
    filter: &TaskFilter,
    page: Page,
) -> Result<(Vec<Task>, u64), StoreError> {
    let mut query = Entity::find();
    if !filter.statuses.is_empty() {
        query = query.filter(Column::Status.is_in(filter.statuses.iter().map(|status| status.as_str())));
    }
    if let Some(repo) = &filter.repo {
        // Addresses have `_`, which LIKE takes for any character.
        let literal = repo.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        query = query.filter(Column::Repo.like(LikeExpr::new(format!("%{literal}%")).escape('\\')));
    }
    if let Some(created_by) = &filter.created_by {
        query = query.filter(Column::CreatedBy.eq(created_by.as_str()));
    }
    let total = query.clone().count(db).await?;
    let rows = query.order_by_desc(Column::Id).limit(page.limit).offset(page.offset).all(db).await?;
    Ok((rows.into_iter().map(Task::try_from).collect::<Result<_, _>>()?, total))
}

/// How many tasks there are of each status.
pub(crate) async fn count_by_status<C: ConnectionTrait>(db: &C) -> Result<Vec<(String, i64)>, StoreError> {
    let counted = Entity::find()
        .select_only()
        .column(Column::Status)
        .column_as(Column::Id.count(), "tasks")
        .group_by(Column::Status)
        .into_tuple()
        .all(db)
        .await?;
    Ok(counted)
}

/// What is kept of the task's planned merges; see [`crate::merge_commit`].
pub(crate) async fn merge_plans<C: ConnectionTrait, T: DeserializeOwned>(
    db: &C,
    id: TaskId,
) -> Result<Vec<T>, StoreError> {
    let Some(text) = Entity::find_by_id(id.to_string()).one(db).await?.and_then(|row| row.merge_plan) else {
        return Ok(Vec::new());
    };
    // Before there were several it was the one.
    Ok(read(&text).or_else(|| read(&text).map(|one| vec![one])).unwrap_or_default())
}

pub(crate) async fn set_merge_plans(db: &Write, id: TaskId, plans: &impl Serialize) -> Result<(), StoreError> {
    let row = ActiveModel { id: Set(id.to_string()), merge_plan: Set(Some(written(plans)?)), ..Default::default() };
    Entity::update(row).exec(&**db).await?;
    Ok(())
}

/// The active tasks after the one of `after`, by id, with the runs that have them; at most `limit`.
pub(crate) async fn active<C: ConnectionTrait>(
    db: &C,
    after: Option<TaskId>,
    limit: u64,
) -> Result<Vec<(TaskId, RunId)>, StoreError> {
    let active = TaskStatus::ALL.into_iter().filter(|status| status.is_active()).map(TaskStatus::as_str);
    let mut query = Entity::find().filter(Column::Status.is_in(active)).filter(Column::RunId.is_not_null());
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after.to_string()));
    }
    let columns = query.order_by_asc(Column::Id).limit(limit).select_only().columns([Column::Id, Column::RunId]);
    let rows: Vec<(String, String)> = columns.into_tuple().all(db).await?;
    let parse = |(id, run_id): (String, String)| {
        let unreadable = || StoreError::unreadable(format!("task {id}"));
        Ok((id.parse().map_err(|_| unreadable())?, run_id.parse().map_err(|_| unreadable())?))
    };
    rows.into_iter().map(parse).collect()
}

/// The tasks that succeeded, and that somebody wants merged as soon as they may be; at most `limit`, the oldest first.
pub(crate) async fn to_be_merged<C: ConnectionTrait>(db: &C, limit: u64) -> Result<Vec<Task>, StoreError> {
    let query = Entity::find()
        .filter(Column::Status.eq(TaskStatus::Success.as_str()))
        .filter(Column::AutoMerge.is_not_null())
        .filter(Column::MergedAt.is_null());
    let rows = query.order_by_asc(Column::Id).limit(limit).all(db).await?;
    rows.into_iter().map(Task::try_from).collect()
}

/// The task of a run that is under way.
pub(crate) async fn of_run(db: &Write, id: TaskId, run_id: RunId) -> Result<Option<Task>, StoreError> {
    let row = Entity::find_by_id(id.to_string()).filter(Column::RunId.eq(run_id.to_string())).one(&**db).await?;
    row.map(Task::try_from).transpose()
}

/// Stamps a change.
pub(crate) fn touch(task: &mut Task, now: DateTime<Utc>) {
    task.updated_at = now;
}
