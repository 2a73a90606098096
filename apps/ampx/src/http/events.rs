use axum::extract::State;
use axum::response::Response;
use futures::StreamExt as _;
use opsmith_host::http::{LastEventId, Query, events as event_stream};
use opsmith_model::TaskId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::ApiError;
use super::feed::{Feed, last_seen, on_the_wire};
use super::responses::{BadQuery, Conflict, Internal, NotFound};
use crate::{Ampx, AmpxError, Event};

/// Whose events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Only this task's; its id may be shortened while it is unique.
    task: Option<String>,
}

/// Streams every change of status and every piece of log: those after `Last-Event-ID`, or new ones only.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "stream_events",
    params(
        EventsQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "The last event that was read; the stream goes on after it"),
    ),
    responses(
        (status = 200, body = Event, content_type = "text/event-stream",
            description = "Each event is named `status` or `log`, has its `seq` as id and itself as JSON data"),
        BadQuery, NotFound, Conflict, Internal,
    )
)]
pub(super) async fn events(
    State(ampx): State<Ampx>,
    last: LastEventId,
    Query(query): Query<EventsQuery>,
) -> Result<Response, ApiError> {
    let last = last_seen(last)?;
    let task = existing(&ampx, query.task.as_deref()).await?;
    let newest = ampx.last_event().await?;
    // A number from the future was another database's.
    let after = last.map_or(newest, |seen| seen.min(newest));
    let feed = Feed::endless(ampx, task, after);
    Ok(event_stream(feed.events().map(|event| on_the_wire(&event))))
}

async fn existing(ampx: &Ampx, id: Option<&str>) -> Result<Option<TaskId>, AmpxError> {
    let Some(id) = id else { return Ok(None) };
    Ok(Some(ampx.task(ampx.resolve(id).await?).await?.id))
}
