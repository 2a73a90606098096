use axum::extract::{Path, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use opsmith_host::http::{Json, Problem, Query};
use opsmith_model::{Principal, nearest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::idempotency::IdempotencyKey;
use super::responses::{BadBody, BadQuery, Conflict, Internal, NoCaller, NotFound};
use super::{Caller, Paging, paging};
use crate::db::TaskFilter;
use crate::task::{Task, TaskDetail, TaskStatus};
use crate::{Ampx, Created, NewTask};

/// Which tasks, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only these statuses, separated by commas.
    #[param(example = "queued,running")]
    status: Option<String>,
    /// Only repositories whose address, as it was given, has this in it.
    repo: Option<String>,
    /// Only by this principal, as `kind:name`.
    #[param(example = "user:ada")]
    created_by: Option<String>,
    /// How many at the most: 50, and never more than 100.
    #[param(maximum = 100)]
    limit: Option<u32>,
    /// How many to pass over first.
    offset: Option<u32>,
}

/// A page of tasks, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskPage {
    tasks: Vec<Task>,
    /// How many there are on all pages.
    total: u64,
}

/// What a person wants of a task.
// The braces let an unknown field be refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum TaskAction {
    /// Sends a task that stopped on, with a new prompt or the one it had.
    Continue {
        /// The new prompt.
        prompt: Option<String>,
    },
    /// Gives it up.
    Abort {},
    /// Lets a held diff pass its gate; push, CI and pull request follow.
    Accept {
        /// The commit that was looked at, or 7 and more characters of its id; another one is not accepted.
        commit: Option<String>,
    },
}

/// Takes a task in; a worker begins it when it has room.
#[utoipa::path(
    post, path = "/api/v1/tasks", tag = "tasks", operation_id = "create_task", request_body = NewTask,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible characters; sent again with the same request it answers with the first task")),
    responses(
        (status = 201, body = Created, headers(("Location" = String, description = "Where the task is"))),
        BadBody, NoCaller, Conflict, Internal,
    )
)]
pub(super) async fn create(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(new): Json<NewTask>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Created>), ApiError> {
    let created = ampx.create(&new, &by, key.as_deref()).await?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/api/v1/tasks/{}", created.id))], Json(created)))
}

/// Lists tasks, newest first.
#[utoipa::path(
    get, path = "/api/v1/tasks", tag = "tasks", operation_id = "list_tasks", params(ListQuery),
    responses((status = 200, body = TaskPage), BadQuery, Internal)
)]
pub(super) async fn list(State(ampx): State<Ampx>, Query(query): Query<ListQuery>) -> Result<Json<TaskPage>, ApiError> {
    let page = paging(query.limit, query.offset)?;
    let (tasks, total) = ampx.list(&query.filter()?, page).await?;
    Ok(Json(TaskPage { tasks, total }))
}

/// Lists the tasks that a worker has or will have: queued, running and retrying.
#[utoipa::path(
    get, path = "/api/v1/tasks/active", tag = "tasks", operation_id = "list_active_tasks", params(Paging),
    responses((status = 200, body = TaskPage), BadQuery, Internal)
)]
pub(super) async fn active(State(ampx): State<Ampx>, Query(query): Query<Paging>) -> Result<Json<TaskPage>, ApiError> {
    let statuses = TaskStatus::ALL.into_iter().filter(|status| status.is_active()).collect();
    let filter = TaskFilter { statuses, ..TaskFilter::default() };
    let (tasks, total) = ampx.list(&filter, query.page()?).await?;
    Ok(Json(TaskPage { tasks, total }))
}

/// Shows one task with its attempts.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}", tag = "tasks", operation_id = "show_task",
    params(("id" = String, Path, description = "The task's id, which may be shortened while it is unique")),
    responses((status = 200, body = TaskDetail), NotFound, Conflict, Internal)
)]
pub(super) async fn show(State(ampx): State<Ampx>, Path(id): Path<String>) -> Result<Json<TaskDetail>, ApiError> {
    let id = ampx.resolve(&id).await?;
    Ok(Json(ampx.detail(id).await?))
}

/// Sends a task on, gives it up, or lets its held diff pass.
#[utoipa::path(
    patch, path = "/api/v1/tasks/{id}", tag = "tasks", operation_id = "act_on_task", request_body = TaskAction,
    params(("id" = String, Path, description = "The task's id, which may be shortened while it is unique")),
    responses((status = 204, description = "Done"), BadBody, NoCaller, NotFound, Conflict, Internal)
)]
pub(super) async fn act(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    Path(id): Path<String>,
    Json(action): Json<TaskAction>,
) -> Result<StatusCode, ApiError> {
    let id = ampx.resolve(&id).await?;
    match action {
        TaskAction::Continue { prompt } => ampx.continue_task(id, prompt.as_deref(), &by).await?,
        TaskAction::Abort {} => ampx.abort(id, &by).await?,
        TaskAction::Accept { commit } => ampx.accept(id, commit.as_deref(), &by).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

impl ListQuery {
    fn filter(self) -> Result<TaskFilter, Problem> {
        let statuses = self.status.as_deref().map(statuses).transpose()?.unwrap_or_default();
        if let Some(Err(error)) = self.created_by.as_deref().map(str::parse::<Principal>) {
            return Err(Problem::invalid_field("created_by", error.to_string()));
        }
        Ok(TaskFilter { statuses, repo: self.repo, created_by: self.created_by })
    }
}

/// The statuses of a list of words.
pub(super) fn statuses(words: &str) -> Result<Vec<TaskStatus>, Problem> {
    let unknown = |word: &str| {
        let known = TaskStatus::ALL.map(TaskStatus::as_str);
        let problem = Problem::invalid_field("status", format!("`{word}` is none of {}", known.join(", ")));
        match nearest(word, known) {
            _ if word == "merged" => problem.hint("a merged task is a `success` with a `merged_at`"),
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        }
    };
    words.split(',').map(str::trim).map(|word| TaskStatus::parse(word).ok_or_else(|| unknown(word))).collect()
}
