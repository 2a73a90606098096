use opsmith_host::cli::{Exit, Failure};

use super::session::Session;
use super::view::{short, show_detail};

const EXAMPLES: &str = "\
Examples:
  ampx abort 3f9k2m1x
  ampx abort 3f9k2m1x --force";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
    /// Do not ask
    #[arg(long, short)]
    force: bool,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let backend = session.server_or_here("aborting").await?;
    let task = backend.detail(&args.id).await?.task;
    let id = short(task.id);
    if session.globals.dry_run {
        return session.would(&format!("abort task {id}, which is {}", task.status.as_str()));
    }
    if !args.force && !session.ask(&format!("Abort task {id} ({})?", task.summary))? {
        session.output.note(&format!("task {id} is left as it is"));
        return Ok(Exit::OK);
    }
    backend.abort(task.id).await?;
    show_detail(session, &backend.detail(&task.id.to_string()).await?)?;
    Ok(Exit::OK)
}
