use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use opsmith_host::cli::{Exit, Failure, Globals, parse};
use opsmith_host::process::Catalogue;
use opsmith_host::telemetry;
use opsmith_model::ErrorKind;
use tracing::Level;

use super::session::Session;
use super::{abort, accept, agents, config, continue_task, diff, doctor, list, logs, merge, ping, show, start};

const EXAMPLES: &str = "\
Examples:
  ampx start https://example.com/acme/api \"Make the failing test pass\" --wait
  ampx list --watch
  ampx logs 3f9k2m1x --follow
  ampx merge 3f9k2m1x --delete-branch

An id may be shortened to either end while it is unique.";

/// Gives coding agents tasks, and brings back green pull requests
#[derive(Parser, Debug)]
#[command(name = "ampx", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    /// Address of the server [default: the one of `server.address`, http://127.0.0.1:8080]
    #[arg(long, global = true, value_name = "URL")]
    api_url: Option<String>,
    /// Form of the data; json is the same as --json
    #[arg(long, short, global = true, value_enum, value_name = "FORM")]
    output: Option<Form>,
    #[command(subcommand)]
    command: Command,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table,
    Json,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Give an agent a task
    Start(start::Args),
    /// List tasks, newest first
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show one task with its attempts
    Show(show::Args),
    /// Print a task's log
    Logs(logs::Args),
    /// Print a task's change against its base
    Diff(diff::Args),
    /// Send a stopped task on, with a new prompt or the one it had
    Continue(continue_task::Args),
    /// Let a held change pass its gate
    Accept(accept::Args),
    /// Give a task up
    Abort(abort::Args),
    /// Merge a task's pull request
    Merge(merge::Args),
    /// List the agents: which are found, ready and verified
    Agents(agents::Args),
    /// Check what tasks need on this machine
    Doctor(doctor::Args),
    /// Ask the server for a sign of life
    Ping(ping::Args),
    /// Show every setting with its value
    Config(config::Args),
}

/// The parser's description, for completion and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command line; its first word is the program's name.
pub async fn run(words: Vec<OsString>, catalogue: &Catalogue) -> Exit {
    let cli: Cli = match parse(words, Exit::from(ErrorKind::Usage)) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let mut globals = cli.globals;
    globals.json |= cli.output == Some(Form::Json);
    let session = Session::new(globals, cli.api_url, catalogue);
    match start_logs(&session) {
        Ok(()) => {}
        Err(failure) => return session.output.fail(&failure),
    }
    dispatch(&session, cli.command).await.unwrap_or_else(|failure| session.output.fail(&failure))
}

fn start_logs(session: &Session<'_>) -> Result<(), Failure> {
    Ok(telemetry::init(Level::WARN, session.globals.verbose)?)
}

async fn dispatch(session: &Session<'_>, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Start(args) => start::run(session, args).await,
        Command::List(args) => list::run(session, args).await,
        Command::Show(args) => show::run(session, args).await,
        Command::Logs(args) => logs::run(session, args).await,
        Command::Diff(args) => diff::run(session, args).await,
        Command::Continue(args) => continue_task::run(session, args).await,
        Command::Accept(args) => accept::run(session, args).await,
        Command::Abort(args) => abort::run(session, args).await,
        Command::Merge(args) => merge::run(session, args).await,
        Command::Agents(args) => agents::run(session, &args).await,
        Command::Doctor(args) => doctor::run(session, &args).await,
        Command::Ping(args) => ping::run(session, &args).await,
        Command::Config(args) => config::run(session, &args),
    }
}
