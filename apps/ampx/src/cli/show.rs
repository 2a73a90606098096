use opsmith_host::cli::{Exit, Failure};

use super::session::Session;
use super::view::show_detail;

const EXAMPLES: &str = "\
Examples:
  ampx show 3f9k2m1x
  ampx show 3f9k2m1x --json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let backend = session.server_or_here("reading").await?;
    show_detail(session, &backend.detail(&args.id).await?)?;
    Ok(Exit::OK)
}
