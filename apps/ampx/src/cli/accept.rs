use opsmith_host::cli::{Exit, Failure};

use super::session::Session;
use super::view::{short, show_detail};
use crate::client::TaskAction;

const EXAMPLES: &str = "\
Examples:
  ampx diff 3f9k2m1x
  ampx accept 3f9k2m1x
  ampx accept 3f9k2m1x --commit 0f1e1f6ab4c2";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
    /// Accept this commit alone, named as in `ampx show`; where the task has another by now, nothing is accepted
    #[arg(long, value_name = "SHA")]
    commit: Option<String>,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let client = session.server().await?;
    let id = client.detail(&args.id).await?.task.id;
    if session.globals.dry_run {
        return session.would(&format!("accept the change of task {}", short(id)));
    }
    client.act(&id.to_string(), &TaskAction::Accept { commit: args.commit }).await?;
    show_detail(session, &client.detail(&id.to_string()).await?)?;
    Ok(Exit::OK)
}
