//! The one way out of a command's network namespace: an HTTP proxy that reaches listed destinations only.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri, client, server};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::Destination;

/// How long a destination may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to say what it wants.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The most connections of one command at once; more wait.
const MOST_CONNECTIONS: usize = 256;

/// The headers that speak to the proxy and not to the destination.
const TO_PROXY: [header::HeaderName; 5] =
    [header::CONNECTION, header::PROXY_AUTHORIZATION, header::TE, header::TRAILER, header::UPGRADE];

type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// A proxy that serves as long as it is held.
#[derive(Debug)]
pub(crate) struct Proxy(#[expect(dead_code, reason = "held for its drop")] DropGuard);

impl Proxy {
    /// Serves on `listener`, for `allowed` only.
    pub fn serve(listener: TcpListener, allowed: &[Destination]) -> Self {
        let ended = CancellationToken::new();
        let gate = Gate { allowed: allowed.into(), ended: ended.clone() };
        tokio::spawn(ended.clone().run_until_cancelled_owned(accept(listener, gate)));
        Self(ended.drop_guard())
    }
}

#[derive(Clone)]
struct Gate {
    allowed: Arc<[Destination]>,
    ended: CancellationToken,
}

async fn accept(listener: TcpListener, gate: Gate) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, most likely, which passes.
                tracing::warn!(error = %error, "failed to accept a connection for the proxy");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (gate, ended) = (gate.clone(), gate.ended.clone());
        tokio::spawn(ended.run_until_cancelled_owned(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let gate = gate.clone();
                async move { Ok::<_, std::convert::Infallible>(gate.answer(request).await) }
            });
            let connection = server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection to the proxy broke off");
            }
        }));
    }
}

impl Gate {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let connect = request.method() == Method::CONNECT;
        let Some(destination) = destination(request.uri(), connect) else {
            return say(StatusCode::BAD_REQUEST, "this is a proxy: name a host and a port");
        };
        if !self.allowed.contains(&destination) {
            tracing::info!(destination = %destination, "a command was kept from a destination");
            return say(
                StatusCode::FORBIDDEN,
                &format!("`{destination}` is not on the list of what this command may reach"),
            );
        }
        let connecting = TcpStream::connect((destination.host(), destination.port()));
        let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return say(StatusCode::BAD_GATEWAY, &format!("`{destination}` cannot be reached: {error}"));
            }
            Err(_) => return say(StatusCode::GATEWAY_TIMEOUT, &format!("`{destination}` does not answer")),
        };
        if connect {
            self.tunnel(request, stream);
            return say(StatusCode::OK, "");
        }
        forward(request, &destination, stream)
            .await
            .unwrap_or_else(|error| say(StatusCode::BAD_GATEWAY, &format!("`{destination}` broke off: {error}")))
    }

    /// Joins the two sides once the answer to CONNECT is out.
    fn tunnel(&self, request: Request<Incoming>, mut stream: TcpStream) {
        tokio::spawn(self.ended.clone().run_until_cancelled_owned(async move {
            match hyper::upgrade::on(request).await {
                Ok(upgraded) => {
                    // Either side may close as it likes.
                    let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut stream).await;
                }
                Err(error) => tracing::debug!(error = %error, "a tunnel was not begun"),
            }
        }));
    }
}

fn destination(uri: &Uri, connect: bool) -> Option<Destination> {
    let authority = uri.authority()?;
    let port = match (connect, uri.scheme_str()) {
        (true, _) => authority.port_u16()?,
        (false, Some("http")) => authority.port_u16().unwrap_or(80),
        (false, _) => return None,
    };
    format!("{}:{port}", authority.host()).parse().ok()
}

async fn forward(
    mut request: Request<Incoming>,
    destination: &Destination,
    stream: TcpStream,
) -> Result<Answer, hyper::Error> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    // One server may answer for many names: the one that was asked for is the one on the list.
    if let Ok(host) = HeaderValue::from_str(&destination.to_string()) {
        request.headers_mut().insert(header::HOST, host);
    }
    for name in TO_PROXY {
        request.headers_mut().remove(name);
    }
    request.headers_mut().remove("proxy-connection");
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(|body| body.boxed()))
}

fn say(status: StatusCode, words: &str) -> Answer {
    let text = if words.is_empty() { String::new() } else { format!("opsmith: {words}\n") };
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
