use axum::extract::{Path, State};
use axum::response::Response;
use futures::StreamExt as _;
use futures::future::ready;
use opsmith_host::cli::{clean, clean_line};
use opsmith_host::http::{LastEventId, Problem, Query, ServerEvent, events};
use serde::Deserialize;
use serde_json::json;

use super::super::error::ApiError;
use super::super::feed::{Feed, last_seen};
use super::status::words;
use crate::brief::short;
use crate::{Ampx, Event, EventKind};

/// From where to follow, where the browser has not followed before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct After {
    after: i64,
}

/// Every change of a task's status after the page was made.
pub(super) async fn all(
    State(ampx): State<Ampx>,
    last: LastEventId,
    Query(query): Query<After>,
) -> Result<Response, ApiError> {
    let after = from(last, &query)?.min(ampx.last_event().await?);
    let statuses = Feed::endless(ampx, None, after).events().filter_map(|event| ready(status(&event)));
    Ok(events(statuses))
}

/// Every change of one task, and its log as it may be shown.
pub(super) async fn one(
    State(ampx): State<Ampx>,
    Path(id): Path<String>,
    last: LastEventId,
    Query(query): Query<After>,
) -> Result<Response, ApiError> {
    let id = ampx.task(ampx.resolve(&id).await?).await?.id;
    let after = from(last, &query)?.min(ampx.last_event().await?);
    let told =
        Feed::endless(ampx, Some(id), after).events().filter_map(|event| ready(status(&event).or_else(|| log(&event))));
    Ok(events(told))
}

fn from(last: LastEventId, query: &After) -> Result<i64, Problem> {
    Ok(last_seen(last)?.unwrap_or(query.after.max(0)))
}

fn status(event: &Event) -> Option<ServerEvent> {
    let EventKind::Status { status, summary } = &event.kind else { return None };
    let said = format!("Task {}: {}. {}", short(event.task_id), words(*status), clean_line(summary));
    Some(named("status", event, &json!({ "said": said })))
}

fn log(event: &Event) -> Option<ServerEvent> {
    let EventKind::Log { stream, text } = &event.kind else { return None };
    Some(named("log", event, &json!({ "stream": stream, "text": clean(text) })))
}

fn named(name: &str, event: &Event, data: &serde_json::Value) -> ServerEvent {
    ServerEvent { id: event.seq.to_string(), name: name.to_owned(), data: data.to_string() }
}
