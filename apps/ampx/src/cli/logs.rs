use std::time::Duration;

use opsmith_host::cli::{Exit, Failure};
use opsmith_model::TaskId;
use serde_json::json;

use super::backend::Backend;
use super::feed::stops_task;
use super::session::Session;
use crate::{Event, EventKind};

/// Between two tries to go on following.
const AGAIN: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  ampx logs 3f9k2m1x
  ampx logs 3f9k2m1x --follow
  ampx logs 3f9k2m1x -t 1000 > task.log";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
    /// Go on printing until the task stops
    #[arg(long, short)]
    follow: bool,
    /// How many of the last lines
    #[arg(long, short, value_name = "LINES", default_value_t = 100)]
    tail: usize,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let backend = session.server_or_here("reading").await?;
    let task = backend.detail(&args.id).await?.task;
    if args.follow && task.status.is_active() {
        follow(session, &backend, task.id, args.tail).await?;
        return Ok(Exit::OK);
    }
    let log = backend.log_tail(task.id, args.tail).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "id": task.id, "log": String::from_utf8_lossy(&log) }))?;
    } else {
        session.output.log(&log);
    }
    Ok(Exit::OK)
}

/// Prints the log's end and what is added, as text or as one JSON event a line, until the task stops.
async fn follow(session: &Session<'_>, backend: &Backend, id: TaskId, lines: usize) -> Result<(), Failure> {
    let (tail, mut feed) = backend.follow_logs(id, lines).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "id": id, "log": String::from_utf8_lossy(&tail) }))?;
    } else {
        session.output.log(&tail);
    }
    loop {
        match feed.next().await {
            Ok(events) => {
                for event in &events {
                    show(session, event)?;
                }
                if events.iter().any(stops_task) {
                    return Ok(());
                }
            }
            Err(_) => {
                // The stream may have ended because the task has; a server that is gone shows here.
                if !backend.detail(&id.to_string()).await?.task.status.is_active() {
                    return Ok(());
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn show(session: &Session<'_>, event: &Event) -> Result<(), Failure> {
    if session.output.is_json() {
        return session.output.json(event);
    }
    match &event.kind {
        EventKind::Log { text, .. } => session.output.log(text.as_bytes()),
        EventKind::Status { status, summary } => session.output.note(&format!("{}: {summary}", status.as_str())),
    }
    Ok(())
}
