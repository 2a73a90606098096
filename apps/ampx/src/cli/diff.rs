use opsmith_host::cli::{Exit, Failure};
use serde_json::json;

use super::session::Session;
use super::view::short;

const EXAMPLES: &str = "\
Examples:
  ampx diff 3f9k2m1x
  ampx diff 3f9k2m1x | git apply";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let backend = session.server_or_here("reading").await?;
    let task = backend.detail(&args.id).await?.task;
    let diff = backend.diff(task.id).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "id": task.id, "diff": String::from_utf8_lossy(&diff) }))?;
    } else if diff.is_empty() {
        session.output.note(&format!("task {} has changed nothing so far", short(task.id)));
    } else {
        session.output.content(&diff);
    }
    Ok(Exit::OK)
}
