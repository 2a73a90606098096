use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures::future::ready;
use futures::{Stream, StreamExt as _};
use opsmith_host::http::{LastEventId, Problem, Query, ServerEvent, events as event_stream};
use opsmith_model::TaskId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::ApiError;
use super::feed::{BATCH, Feed, last_seen, on_the_wire};
use super::responses::{BadQuery, Conflict, Internal, NotFound};
use crate::{Ampx, AmpxError, Event, EventKind, db};

const DEFAULT_LINES: u32 = 100;
const MOST_LINES: u32 = 10_000;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How much of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogsQuery {
    /// How many of the last lines: 100, and never more than 10,000.
    #[param(maximum = 10_000)]
    tail: Option<u32>,
    /// Stream what comes after them too, until no worker has the task.
    #[serde(default)]
    follow: bool,
}

/// The task's log: its last lines as text, or with `follow` as a stream of `log` events that goes on with the task.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/logs", tag = "tasks", operation_id = "read_task_log",
    params(
        ("id" = String, Path, description = "The task's id, which may be shortened while it is unique"),
        LogsQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "With `follow`: go on after this event, without `tail`"),
    ),
    responses(
        (status = 200, description = "The text, or with `follow` the events", content(
            (String = "text/plain"), (Event = "text/event-stream"),
        ), headers(("Last-Event-ID" = i64, description = "Of the text: the event from which to follow"))),
        BadQuery, NotFound, Conflict, Internal,
    )
)]
pub(super) async fn logs(
    State(ampx): State<Ampx>,
    Path(id): Path<String>,
    last: LastEventId,
    Query(query): Query<LogsQuery>,
) -> Result<Response, ApiError> {
    let (lines, last) = (query.lines()?, last_seen(last)?);
    let id = ampx.task(ampx.resolve(&id).await?).await?.id;
    if query.follow {
        return Ok(event_stream(follow(ampx, id, lines, last).await?));
    }
    let (text, newest) = ampx.log_tail(id, lines).await?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(CONTENT_TYPE, kind), (LAST_EVENT_ID, newest.into())], text).into_response())
}

impl LogsQuery {
    fn lines(&self) -> Result<usize, Problem> {
        match self.tail.unwrap_or(DEFAULT_LINES) {
            lines @ 0..=MOST_LINES => Ok(lines as usize),
            lines => Err(Problem::invalid_field("tail", format!("must be at most {MOST_LINES}, is {lines}"))),
        }
    }
}

async fn follow(
    ampx: Ampx,
    id: TaskId,
    lines: usize,
    last: Option<i64>,
) -> Result<impl Stream<Item = ServerEvent> + Send, AmpxError> {
    let (after, passed_over) = match last {
        Some(seen) => (seen, 0),
        None => last_lines(&ampx, id, lines).await?,
    };
    // Of the first log event only its last lines were asked for.
    let mut passed_over = passed_over;
    let logs = Feed::until_idle(ampx, id, after).events().filter_map(move |event| {
        let EventKind::Log { stream, text } = &event.kind else { return ready(None) };
        let text = text.split_inclusive('\n').skip(std::mem::take(&mut passed_over)).collect();
        let kind = EventKind::Log { stream: *stream, text };
        ready(Some(on_the_wire(&Event { kind, ..event })))
    });
    Ok(logs)
}

/// After which event, and how many lines later, the last `lines` lines begin.
async fn last_lines(ampx: &Ampx, id: TaskId, lines: usize) -> Result<(i64, usize), AmpxError> {
    let (mut before, mut counted) = (i64::MAX, 0);
    loop {
        let events = db::events::logs_before(ampx.store.read(), id, before, BATCH).await?;
        let Some(oldest) = events.last() else { return Ok((0, 0)) };
        before = oldest.seq;
        for event in &events {
            if counted >= lines {
                return Ok((event.seq, 0));
            }
            // A piece without a line's end counts too: an endless line must not be read to its beginning.
            counted += event.log_text().map_or(0, |text| text.lines().count().max(1));
            if counted > lines {
                return Ok((event.seq - 1, counted - lines));
            }
        }
    }
}
