use std::time::Duration;

use opsmith_model::TaskId;
use opsmith_sandbox::OutputChunk;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::db;
use crate::events::{EventKind, LogStream};
use crate::{Ampx, AmpxError};

/// Output is stored in pieces of about this size …
const PIECE_BYTES: usize = 32 * 1024;
/// … or as it is after this time.
const PIECE_AGE: Duration = Duration::from_millis(300);
const CHANNEL: usize = 16;

/// Takes a command's output, without its secrets, into the task's log until the sender is dropped.
pub(super) fn sink(
    ampx: &Ampx,
    task_id: TaskId,
    attempt: u32,
    stream: LogStream,
) -> (mpsc::Sender<OutputChunk>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(CHANNEL);
    let ampx = ampx.clone();
    let writer = tokio::spawn(async move {
        if let Err(error) = write_all(&ampx, task_id, attempt, stream, receiver).await {
            tracing::warn!(task.id = %task_id, %error, "failed to store output; the rest of it is lost");
        }
    });
    (sender, writer)
}

async fn write_all(
    ampx: &Ampx,
    task_id: TaskId,
    attempt: u32,
    label: LogStream,
    mut receiver: mpsc::Receiver<OutputChunk>,
) -> Result<(), AmpxError> {
    let redactor = ampx.redactor(task_id).await;
    let mut stream = redactor.stream();
    let mut pending: Vec<u8> = Vec::new();
    while let Some(first) = receiver.recv().await {
        pending.extend(stream.push(&first.bytes));
        let deadline = Instant::now() + PIECE_AGE;
        let mut open = true;
        while pending.len() < PIECE_BYTES {
            match timeout_at(deadline, receiver.recv()).await {
                Ok(Some(chunk)) => pending.extend(stream.push(&chunk.bytes)),
                Ok(None) => {
                    open = false;
                    break;
                }
                Err(_) => break,
            }
        }
        // A line that is not yet whole waits for its end, unless it is endless.
        let whole = if open && pending.len() < PIECE_BYTES {
            pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
        } else {
            pending.len()
        };
        let rest = pending.split_off(whole);
        redactor.keep().await;
        store(ampx, task_id, attempt, label, &String::from_utf8_lossy(&pending)).await?;
        pending = rest;
    }
    pending.extend(stream.finish());
    redactor.keep().await;
    // Whoever writes next begins a line of their own.
    if !pending.is_empty() {
        pending.push(b'\n');
    }
    store(ampx, task_id, attempt, label, &String::from_utf8_lossy(&pending)).await
}

/// Adds one piece of text to the task's log, without its secrets.
pub(super) async fn append(
    ampx: &Ampx,
    task_id: TaskId,
    attempt: u32,
    stream: LogStream,
    text: &str,
) -> Result<(), AmpxError> {
    let redactor = ampx.redactor(task_id).await;
    let text = redactor.redact(text);
    redactor.keep().await;
    store(ampx, task_id, attempt, stream, &text).await
}

async fn store(ampx: &Ampx, task_id: TaskId, attempt: u32, stream: LogStream, text: &str) -> Result<(), AmpxError> {
    if text.is_empty() {
        return Ok(());
    }
    let kind = EventKind::Log { stream, text: text.to_owned() };
    let write = ampx.store.write().await?;
    db::events::append(&write, task_id, attempt, &kind, ampx.now()).await?;
    write.commit().await?;
    ampx.woken();
    Ok(())
}

/// Adds one line of our own.
pub(super) async fn say(ampx: &Ampx, task_id: TaskId, attempt: u32, line: &str) -> Result<(), AmpxError> {
    append(ampx, task_id, attempt, LogStream::Opsmith, &format!("{line}\n")).await
}
