use std::ffi::OsString;

use clap::{CommandFactory as _, Parser, Subcommand};
use opsmith_host::cli::{Exit, Failure, Globals, parse};
use opsmith_host::telemetry::{self, Export};
use opsmith_model::ErrorKind;
use tracing::Level;

use super::session::Session;
use super::{
    audit, completion, config, confirm, doctor, man, openapi, runs, secrets, serve, store, token, version, worker,
};

const EXAMPLES: &str = "\
Products, each with commands of its own (also by a link of its name):
  opsmith ampx   Give coding agents tasks, and bring back green pull requests

Examples:
  opsmith serve
  opsmith ampx start https://example.com/acme/api \"Make the failing test pass\" --wait
  opsmith confirm list
  opsmith audit verify";

/// Agents and people change real systems: planned, permitted, durable, verified and recorded
#[derive(Parser, Debug)]
#[command(name = "opsmith", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run API, workers and scheduler in one process
    Serve(serve::Args),
    /// Run a worker alone, any number of them on one PostgreSQL store
    Worker(worker::Args),
    /// Durable runs of every product
    Runs(runs::Args),
    /// What waits for a person's yes
    Confirm(confirm::Args),
    /// The record of every change
    Audit(audit::Args),
    /// Who may use the server, and how much
    Token(token::Args),
    /// What placeholders in texts stand for
    Secrets(secrets::Args),
    /// The settings and where they came from
    Config(config::Args),
    /// The database
    Store(store::Args),
    /// Check what the products need on this machine
    Doctor(doctor::Args),
    /// Print a shell's completion script
    Completion(completion::Args),
    /// Print the manual page, or write one for each command
    Man(man::Args),
    /// Print the version
    Version(version::Args),
    /// Print the description of the HTTP API
    #[command(hide = true)]
    Openapi(openapi::Args),
}

/// The parser's description with the products' commands, for completion and manual pages.
fn whole_command() -> clap::Command {
    Cli::command().subcommand(ampx::cli::command())
}

/// Runs one of the platform's own command lines.
pub(super) async fn run(words: Vec<OsString>) -> Exit {
    let cli: Cli = match parse(words, Exit::from(ErrorKind::Usage)) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    let session = Session::new(cli.globals);
    let export = match start_telemetry(&session, &cli.command) {
        Ok(export) => export,
        Err(failure) => return session.output.fail(&failure),
    };
    let exit = dispatch(&session, cli.command).await.unwrap_or_else(|failure| session.output.fail(&failure));
    if let Some(export) = export {
        export.shutdown().await;
    }
    exit
}

/// What serves tells of its work, to a collector too; what answers a person only of trouble.
fn start_telemetry(session: &Session, command: &Command) -> Result<Option<Export>, Failure> {
    let verbose = session.globals.verbose;
    if matches!(command, Command::Serve(_) | Command::Worker(_)) {
        return Ok(Some(telemetry::init_exporting(Level::INFO, verbose)?));
    }
    telemetry::init(Level::WARN, verbose)?;
    Ok(None)
}

async fn dispatch(session: &Session, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(session, args).await,
        Command::Worker(args) => worker::run(session, args).await,
        Command::Runs(args) => runs::run(session, args).await,
        Command::Confirm(args) => confirm::run(session, args).await,
        Command::Audit(args) => audit::run(session, args).await,
        Command::Token(args) => token::run(session, args).await,
        Command::Secrets(args) => secrets::run(session, args).await,
        Command::Config(args) => config::run(session, &args),
        Command::Store(args) => store::run(session, args).await,
        Command::Doctor(args) => doctor::run(session, &args).await,
        Command::Completion(args) => completion::run(session, &args, &whole_command()),
        Command::Man(args) => man::run(session, &args, whole_command()),
        Command::Version(args) => version::run(session, &args),
        Command::Openapi(args) => openapi::run(session, &args),
    }
}
