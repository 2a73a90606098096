use std::time::Duration;

use futures::StreamExt as _;
use opsmith_host::cli::Failure;
use opsmith_model::TaskId;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::client::{Client, ClientError, EventStream};
use crate::{Ampx, Event, EventKind};

/// How often the store is asked for what another process added.
const LOOK: Duration = Duration::from_millis(500);
const BATCH: u64 = 256;

/// Events as they come. After an error it may be asked again and goes on where it was.
pub(crate) enum Feed {
    Server { client: Client, task: Option<TaskId>, after: Option<i64>, stream: Option<EventStream> },
    Here { ampx: Ampx, task: Option<TaskId>, after: i64, appended: watch::Receiver<u64> },
}

impl Feed {
    pub(super) fn server(client: Client, task: Option<TaskId>, after: Option<i64>) -> Self {
        Self::Server { client, task, after, stream: None }
    }

    /// The events of a stream that is open already.
    pub(super) fn opened(client: Client, task: TaskId, stream: EventStream) -> Self {
        Self::Server { client, task: Some(task), after: None, stream: Some(stream) }
    }

    pub(super) async fn here(ampx: Ampx, task: Option<TaskId>, after: Option<i64>) -> Result<Self, Failure> {
        let appended = ampx.appended();
        let after = match after {
            Some(after) => after,
            None => ampx.last_event().await?,
        };
        Ok(Self::Here { ampx, task, after, appended })
    }

    /// The next events, at least one. Dropped before its end, it loses none.
    pub(crate) async fn next(&mut self) -> Result<Vec<Event>, Failure> {
        match self {
            Self::Server { client, task, after, stream } => {
                let task = task.map(|task| task.to_string());
                let open = match stream {
                    Some(open) => open,
                    None => stream.insert(client.events(task.as_deref(), *after).await?),
                };
                match open.next().await {
                    Some(Ok(event)) => {
                        *after = Some(event.seq);
                        Ok(vec![event])
                    }
                    Some(Err(error)) => {
                        *stream = None;
                        Err(error.into())
                    }
                    None => {
                        *stream = None;
                        Err(ClientError::Ended { url: client.url().to_owned() }.into())
                    }
                }
            }
            Self::Here { ampx, task, after, appended } => loop {
                let events = ampx.events_after(*after, *task, BATCH).await?;
                if let Some(last) = events.last() {
                    *after = last.seq;
                    return Ok(events);
                }
                // Either way the next round looks again.
                let _ = timeout(LOOK, appended.changed()).await;
            },
        }
    }
}

/// Whether an event says that its task has stopped.
pub(super) fn stops_task(event: &Event) -> bool {
    matches!(&event.kind, EventKind::Status { status, .. } if !status.is_active())
}
