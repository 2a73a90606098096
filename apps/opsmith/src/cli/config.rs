use clap::Subcommand;
use opsmith_guard::secrets::Scanner;
use opsmith_host::cli::{Exit, Failure};
use opsmith_host::config::Platform;
use opsmith_host::process::policy;
use serde_json::json;

use super::session::Session;
use crate::CATALOGUE;

const EXAMPLES: &str = "\
Examples:
  opsmith config show --origin
  opsmith config check --config ./opsmith.toml";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Print every setting with its value, secrets masked
    #[command(after_help = "Examples:\n  opsmith config show\n  opsmith config show --origin")]
    Show {
        /// Show also where each value came from
        #[arg(long)]
        origin: bool,
    },
    /// Check that the configuration holds
    #[command(after_help = "Examples:\n  opsmith config check --config ./opsmith.toml")]
    Check,
}

pub(super) fn run(session: &Session, args: &Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Show { origin } => ampx::cli::show_config(session.output, &session.config()?, origin),
        Command::Check => check(session),
    }
}

fn check(session: &Session) -> Result<Exit, Failure> {
    let config = session.config()?;
    Scanner::new(&Platform::resolve(&config)?.secrets.scan())?;
    ampx::cli::checked_settings(&config)?;
    policy(&CATALOGUE, &config)?;
    let file = config.file();
    if session.output.is_json() {
        session.output.json(&json!({ "ok": true, "file": file }))?;
    } else {
        let from = file.map_or_else(|| "no file is read".to_owned(), |file| format!("file: {}", file.display()));
        session.output.line(&format!("the configuration holds ({from})"));
    }
    Ok(Exit::OK)
}
