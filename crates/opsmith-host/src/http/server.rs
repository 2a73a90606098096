use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use opsmith_model::{ErrorKind, Hint};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::edge::{Hosts, check_host, cors, refuse_cross_site};
use super::layers::{end_streams, identify, limit_time, on_panic, shape_errors};
use super::measure::measure;
use super::page::{self, Nav, NavLink};
use super::shares::Shares;
use crate::config::ServerSettings;

/// A client that sends its request head slower than this, or keeps a connection idle longer, is let go.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// More wait in the kernel's queue until one ends.
const MAX_CONNECTIONS: usize = 4_096;
/// The pause after a failed accept, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How a server treats its clients.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Origins of other sites whose pages may call.
    pub cors_origins: Vec<String>,
    /// Names besides localhost that a server bound to loopback answers to.
    pub allowed_hosts: Vec<String>,
    /// The longest time until an answer begins.
    pub request_timeout: Duration,
    /// The longest time that open requests get at shutdown.
    pub drain_timeout: Duration,
    /// The ways to the products' pages.
    pub nav: &'static [NavLink],
    /// The largest body; a route takes more with its own [`DefaultBodyLimit`].
    pub body_limit_bytes: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            request_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            nav: &[],
            body_limit_bytes: 1 << 20,
        }
    }
}

impl From<&ServerSettings> for ServeOptions {
    fn from(settings: &ServerSettings) -> Self {
        Self {
            cors_origins: settings.cors_origins.clone(),
            allowed_hosts: settings.allowed_hosts.clone(),
            ..Self::default()
        }
    }
}

/// A server that cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An origin is not `scheme://host[:port]`.
    #[error("`{origin}` of `server.cors_origins` is not an origin")]
    Origin {
        /// As configured.
        origin: String,
    },
    /// The listener has no address.
    #[error("failed to read the listener's address")]
    Address(#[source] std::io::Error),
}

impl Hint for ServeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Origin { .. } => ErrorKind::Usage,
            Self::Address(_) => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Origin { .. } => Some("write it as `https://host` or `http://host:port`".to_owned()),
            Self::Address(_) => None,
        }
    }
}

/// Serves `router` until `shutdown`, then lets open requests end within the drain timeout and cuts the rest.
///
/// Beside the router: the files of the pages' frame. Around it: request id, span and log line, metrics, panics and plain
/// errors as problems (to a browser, as pages), host and cross-site checks, time and body limits. A handler finds the peer as `ConnectInfo<SocketAddr>`. Event streams end at once at shutdown.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: &ServeOptions,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Address)?;
    let app = dress(router, address, options, shutdown.clone())?;
    let shares = Shares::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                // One more than its share is closed at once.
                Ok((stream, peer)) => if let Some(share) = shares.take(peer.ip()) {
                    let served = connection(stream, peer, app.clone(), shutdown.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(share);
                    });
                },
                Err(error) => {
                    tracing::warn!(error.message = %error, "failed to accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain_timeout, drained).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests were still open at shutdown and are cut");
        connections.shutdown().await;
    }
    Ok(())
}

fn dress(
    router: Router,
    address: SocketAddr,
    options: &ServeOptions,
    shutdown: CancellationToken,
) -> Result<Router, ServeError> {
    let hosts = if super::is_loopback(&address) {
        Hosts::Local(options.allowed_hosts.iter().cloned().collect())
    } else {
        Hosts::Any
    };
    // The last layer is the outermost.
    let nav = Nav(options.nav);
    Ok(router
        .merge(page::routes(&[page::STYLE, page::SCRIPT, page::ICON]))
        .layer(Extension(nav))
        .layer(DefaultBodyLimit::max(options.body_limit_bytes))
        .layer(from_fn_with_state(shutdown, end_streams))
        .layer(from_fn_with_state(options.request_timeout, limit_time))
        .layer(refuse_cross_site(&options.cors_origins)?)
        .layer(from_fn(shape_errors))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(cors(&options.cors_origins)?)
        .layer(from_fn_with_state(hosts, check_host))
        .layer(from_fn_with_state(nav, page::show_problems))
        .layer(from_fn(measure))
        .layer(from_fn(identify)))
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, shutdown: CancellationToken) {
    // Answers are small: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error.message = %error, "a connection broke");
    }
}
