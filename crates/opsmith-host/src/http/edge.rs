//! Who may speak to the server at all: host names, other sites' pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use opsmith_model::ErrorKind;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::csrf::CsrfLayer;

use super::{Problem, ServeError};

/// The host names a server answers to.
#[derive(Clone, Debug)]
pub(super) enum Hosts {
    /// Any: it listens beyond loopback, where every call needs a token and rebinding gains nothing.
    Any,
    /// This machine's own, and those configured.
    Local(Arc<[String]>),
}

/// Refuses a host name that is not ours: a page of another site whose name was rebound to 127.0.0.1 comes with its own.
pub(super) async fn check_host(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let Hosts::Local(allowed) = &hosts else { return next.run(request).await };
    let header = request.headers().get(HOST).map(|value| value.to_str().unwrap_or(""));
    let named = [header, request.uri().authority().map(|authority| authority.as_str())];
    for host in named.into_iter().flatten() {
        let name = without_port(host);
        let local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| name.eq_ignore_ascii_case(own));
        if !local && !allowed.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Problem::new(ErrorKind::Denied, "this server does not answer to that host name")
                .hint("call it as localhost, or add the name to `server.allowed_hosts`")
                .into_response();
        }
    }
    next.run(request).await
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if host[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) && !host[..at].ends_with(':') => {
            &host[..at]
        }
        Some(_) | None => host,
    }
}

/// Refuses what a page of another site would change; `origins` are the exceptions.
pub(super) fn refuse_cross_site(origins: &[String]) -> Result<CsrfLayer, ServeError> {
    origins.iter().try_fold(CsrfLayer::new(), |layer, origin| {
        layer.add_trusted_origin(bare(origin)).map_err(|_| ServeError::Origin { origin: origin.clone() })
    })
}

/// Lets the pages of `origins` read answers; none by default.
pub(super) fn cors(origins: &[String]) -> Result<CorsLayer, ServeError> {
    let wrong = |origin: &String| ServeError::Origin { origin: origin.clone() };
    let values = origins
        .iter()
        .map(|origin| HeaderValue::from_str(bare(origin)).map_err(|_| wrong(origin)))
        .collect::<Result<Vec<_>, _>>()?;
    let headers = ["idempotency-key", "last-event-id", "x-request-id"].map(HeaderName::from_static);
    Ok(CorsLayer::new()
        .allow_origin(AllowOrigin::list(values))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(headers.into_iter().chain([AUTHORIZATION, CONTENT_TYPE]).collect::<Vec<_>>())
        .expose_headers([HeaderName::from_static("x-request-id")]))
}

fn bare(origin: &str) -> &str {
    origin.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn the_port_goes_and_an_ipv6_address_stays_whole() {
        for (host, name) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("localhost:", "localhost"),
            ("localhost:80.evil.example", "localhost:80.evil.example"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
