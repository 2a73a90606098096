use ampx::{open, start_worker_of};
use opsmith_host::cli::{Exit, Failure};
use opsmith_host::process::Process;
use opsmith_host::shutdown;
use opsmith_model::ErrorKind;

use super::serve::STOP_LIMIT;
use super::session::Session;
use crate::CATALOGUE;

const EXAMPLES: &str = "\
Examples:
  DATABASE_URL=postgres://opsmith@db/opsmith opsmith worker --name builder-1
  opsmith worker --store postgres://opsmith@db/opsmith --concurrency 4 --queues ampx

A password in --store can be seen by other users of the machine; DATABASE_URL is not.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The database that the server uses [default: the setting `store.url`]
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The worker's name [default: the machine's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only runs of these queues, a product's name each, such as `ampx` [default: all]
    #[arg(long, value_name = "QUEUE,…", value_delimiter = ',')]
    queues: Vec<String>,
    /// How many runs at once [default: the setting `ampx.concurrent_tasks`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let overrides: Vec<(&str, String)> = args.store.iter().map(|url| ("store.url", url.clone())).collect();
    let config = session.config_with(&overrides)?;
    if session.globals.dry_run {
        return session.would("run a worker");
    }
    let stop = shutdown::on_signal()
        .map_err(|error| Failure::new(ErrorKind::Failed, format!("failed to listen for signals: {error}")))?;
    let process = Process::open(&CATALOGUE, &config).await?;
    let ampx = open(&process, &config)?;
    let concurrency = args.concurrency.map(usize::from);
    let worker = start_worker_of(&args.queues, &ampx, &process, args.name.as_deref(), concurrency).await?;
    session.name_others(&process, worker.id()).await?;
    session.output.note(&format!("worker {} on the store {}", worker.id(), process.store.url()));
    stop.cancelled().await;
    worker.shutdown(STOP_LIMIT).await;
    process.store.close().await?;
    Ok(Exit::OK)
}
