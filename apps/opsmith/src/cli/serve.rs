use std::net::SocketAddr;
use std::time::Duration;

use ampx::{open, start_worker};
use opsmith_host::cli::{Exit, Failure};
use opsmith_host::config::Platform;
use opsmith_host::http::auth::{Gate, GateOptions};
use opsmith_host::http::{ServeOptions, bind, is_loopback, serve};
use opsmith_host::process::Process;
use opsmith_host::{shutdown, telemetry};
use opsmith_model::{ErrorKind, Hint};
use tokio::net::{TcpListener, lookup_host};

use super::session::Session;
use crate::CATALOGUE;

/// How long the worker may take to stop.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

const EXAMPLES: &str = "\
Examples:
  opsmith serve
  opsmith serve --address 127.0.0.1:9000 --concurrency 4
  opsmith serve --address 127.0.0.1:0    (a free port; the address is printed)";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Address to listen on [default: the setting `server.address`, 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// How many runs at once [default: the setting `ampx.concurrent_tasks`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: Option<u16>,
}

/// An address that others could reach, and nobody to tell who may.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` can be reached from other machines, and there is no token to tell who may use it")]
struct Exposed(String);

impl Hint for Exposed {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }

    fn hint(&self) -> Option<String> {
        Some("make one with `opsmith token create NAME --role admin`, or listen on 127.0.0.1".to_owned())
    }
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let overrides: Vec<(&str, String)> = args.address.iter().map(|at| ("server.address", at.clone())).collect();
    let config = session.config_with(&overrides)?;
    let address = Platform::resolve(&config)?.server.address;
    if session.globals.dry_run {
        return session.would(&format!("serve on {address}"));
    }
    let stop = shutdown::on_signal()
        .map_err(|error| Failure::new(ErrorKind::Failed, format!("failed to listen for signals: {error}")))?;
    // Others are let near only when there is a token to tell who may. Else the address comes before anything is begun
    // that a taken port would have to undo.
    let bound = if reaches_others(&address).await { None } else { Some(listen(&address).await?) };
    let process = Process::open(&CATALOGUE, &config).await?;
    let (listener, socket) = match bound {
        Some(bound) => bound,
        None if process.guard.tokens().count_active().await? == 0 => return Err(Exposed(address).into()),
        None => listen(&address).await?,
    };
    let ampx = open(&process, &config)?;
    let gate = gate(session, &process, &socket).await?;
    let router = crate::http::router(&process, &ampx, &gate);
    let worker = start_worker(&ampx, &process, None, args.concurrency.map(usize::from)).await?;
    session.name_others(&process, worker.id()).await?;
    if telemetry::exporting() {
        tokio::spawn(crate::http::keep_sampling(process.clone(), ampx.clone(), stop.clone()));
    }
    session.output.note(&format!("listening on http://{socket}"));
    let options = ServeOptions { nav: &crate::http::NAV, ..ServeOptions::from(&process.platform.server) };
    let served = serve(listener, router, &options, stop).await;
    worker.shutdown(STOP_LIMIT).await;
    process.store.close().await?;
    served?;
    Ok(Exit::OK)
}

async fn listen(address: &str) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = bind(address).await?;
    match listener.local_addr() {
        Ok(socket) => Ok((listener, socket)),
        Err(error) => Err(Failure::new(ErrorKind::Failed, format!("failed to read the listener's address: {error}"))),
    }
}

/// Whether other machines could reach that address; what cannot be resolved is `bind`'s to report.
async fn reaches_others(address: &str) -> bool {
    lookup_host(address).await.is_ok_and(|mut resolved| resolved.any(|socket| !is_loopback(&socket)))
}

/// The gate of a server on `socket`.
async fn gate(session: &Session, process: &Process, socket: &SocketAddr) -> Result<Gate, Failure> {
    let options = GateOptions::new(&process.platform.server, socket);
    if options.required && process.guard.tokens().count_active().await? == 0 {
        session.output.warn("a token is required and there is none: make one with `opsmith token create NAME`");
    }
    Ok(crate::http::gate(process, Process::local_user(), options))
}
