//! Events as they come, for any number of readers of any speed.

use std::collections::VecDeque;

use futures::{Stream, stream};
use opsmith_host::http::{LastEventId, Problem, ServerEvent};
use opsmith_model::TaskId;

use crate::arrivals::Following;
use crate::{Ampx, AmpxError, Event, EventKind};

/// What is held for one reader at a time; the next are read when it has taken these.
pub(super) const BATCH: u64 = 16;

/// The events after a number: all of them, or one task's.
pub(super) struct Feed {
    ampx: Ampx,
    task: Option<TaskId>,
    until_idle: bool,
    seq: i64,
    batch: VecDeque<Event>,
    arrivals: Following,
}

impl Feed {
    /// Every event after `seq`, without an end.
    pub(super) fn endless(ampx: Ampx, task: Option<TaskId>, seq: i64) -> Self {
        let arrivals = ampx.follow();
        Self { ampx, task, until_idle: false, seq, batch: VecDeque::new(), arrivals }
    }

    /// A task's events after `seq`; it ends when no worker has the task and everything was sent.
    pub(super) fn until_idle(ampx: Ampx, task: TaskId, seq: i64) -> Self {
        Self { until_idle: true, ..Self::endless(ampx, Some(task), seq) }
    }

    /// Waits for the next event; `None` at the end.
    async fn next(&mut self) -> Result<Option<Event>, AmpxError> {
        loop {
            if let Some(event) = self.batch.pop_front() {
                self.seq = event.seq;
                return Ok(Some(event));
            }
            // Both are looked at before the events, so that what comes in between is not missed.
            self.arrivals.changed.borrow_and_update();
            let idle = self.is_idle().await?;
            self.batch = self.ampx.events_after(self.seq, self.task, BATCH).await?.into();
            if self.batch.is_empty() {
                if idle {
                    return Ok(None);
                }
                // A status changes with an event, so there is nothing to look for until one comes.
                let _ = self.arrivals.changed.changed().await;
            }
        }
    }

    async fn is_idle(&self) -> Result<bool, AmpxError> {
        match self.task {
            Some(id) if self.until_idle => Ok(!self.ampx.task(id).await?.status.is_active()),
            Some(_) | None => Ok(false),
        }
    }

    /// The events one by one; where the database fails the stream ends, and its reader comes back for the rest.
    pub(super) fn events(self) -> impl Stream<Item = Event> + Send {
        stream::unfold(self, |mut feed| async move {
            match feed.next().await {
                Ok(event) => Some((event?, feed)),
                Err(error) => {
                    tracing::warn!(%error, "failed to read events; the stream ends");
                    None
                }
            }
        })
    }
}

/// An event on the wire: its number as id, its kind as name, the whole of it as JSON.
pub(super) fn on_the_wire(event: &Event) -> ServerEvent {
    let name = match event.kind {
        EventKind::Status { .. } => "status",
        EventKind::Log { .. } => "log",
    };
    let data = serde_json::to_string(event).unwrap_or_default();
    ServerEvent { id: event.seq.to_string(), name: name.to_owned(), data }
}

/// The number that a reader goes on from, if it has read before.
pub(super) fn last_seen(LastEventId(sent): LastEventId) -> Result<Option<i64>, Problem> {
    let Some(sent) = sent else { return Ok(None) };
    match sent.parse() {
        Ok(seq) if seq >= 0 => Ok(Some(seq)),
        Ok(_) | Err(_) => Err(Problem::invalid_field("Last-Event-ID", "must be the id of an event")),
    }
}
