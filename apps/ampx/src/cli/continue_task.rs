use opsmith_host::cli::{Exit, Failure};

use super::backend::Backend;
use super::session::Session;
use super::start;
use super::view::{short, show_detail};
use super::wait::{self, Begun};

const EXAMPLES: &str = "\
Examples:
  ampx continue 3f9k2m1x
  ampx continue 3f9k2m1x \"Keep the old name as an alias\" --wait
  ampx continue 3f9k2m1x -m - < prompt.md";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
    /// What the agent is to do now, in one word or many; `-` reads it from stdin [default: the prompt it had]
    prompt: Vec<String>,
    /// The same as PROMPT
    #[arg(long, short, value_name = "PROMPT", conflicts_with = "prompt", allow_hyphen_values = true)]
    message: Option<String>,
    /// Wait until the task stops
    #[arg(long, short)]
    wait: bool,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let prompt = start::joined(args.prompt).or(args.message).map(start::read_prompt).transpose()?;
    let backend = if args.wait {
        session.server_or_here("running the task in this process").await?
    } else {
        Backend::Server(session.server().await?)
    };
    let id = backend.detail(&args.id).await?.task.id;
    if session.globals.dry_run {
        return session.would(&format!("send task {} on", short(id)));
    }
    if args.wait {
        let begin = async {
            backend.continue_task(id, prompt).await?;
            Ok(Begun { id, new: false })
        };
        return wait::through(session, &backend, begin).await;
    }
    backend.continue_task(id, prompt).await?;
    show_detail(session, &backend.detail(&id.to_string()).await?)?;
    Ok(Exit::OK)
}
