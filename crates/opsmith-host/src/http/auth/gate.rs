use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use opsmith_guard::tokens::{Token, TokenError, Tokens};
use opsmith_model::{ErrorKind, Principal};
use tracing::Span;

use super::access::{find, methods};
use super::limits::Limiter;
use super::refused::Refused;
use super::{Access, Caller, Identity, Limits, Rule, cookie, login, streams};
use crate::config::{Auth, ServerSettings};
use crate::http::{Problem, is_loopback};

/// How soon a stream ends after its token.
const RECHECK: Duration = Duration::from_secs(5);

/// How a gate stands.
#[derive(Clone, Copy, Debug)]
pub struct GateOptions {
    /// Whether other machines can reach the server: then nobody comes in without a token, and a browser keeps its cookie
    /// for encrypted connections.
    pub beyond_loopback: bool,
    /// Whether a token is needed even where there is none yet.
    pub required: bool,
    /// How often somebody may call.
    pub limits: Limits,
    /// How often an open stream's token is looked at again.
    pub recheck: Duration,
}

impl GateOptions {
    /// The gate of a server with those settings that listens on `socket`.
    pub fn new(settings: &ServerSettings, socket: &SocketAddr) -> Self {
        Self {
            beyond_loopback: !is_loopback(socket),
            required: settings.auth == Auth::Required,
            limits: Limits::from(settings),
            recheck: RECHECK,
        }
    }
}

/// What stands between a router and everyone; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tokens: Tokens,
    rules: &'static [Rule],
    local: Principal,
    options: GateOptions,
    limiter: Limiter,
}

impl Gate {
    /// A gate with those rules; `local` makes the requests of an open server.
    pub fn new(tokens: Tokens, rules: &'static [Rule], local: Principal, options: GateOptions) -> Self {
        let limiter = Limiter::new(&options.limits);
        Self(Arc::new(Inner { tokens, rules, local, options, limiter }))
    }

    /// `router` behind this gate, with the pages to log in and out.
    pub fn around(&self, router: Router) -> Router {
        router
            .merge(login::routes(self.clone()))
            // Set, so that the gate stands before it too.
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(from_fn_with_state(self.clone(), admit))
    }

    /// The tokens that it knows.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(super) fn beyond_loopback(&self) -> bool {
        self.0.options.beyond_loopback
    }

    pub(super) fn recheck(&self) -> Duration {
        self.0.options.recheck
    }

    /// Whether the local user comes in without a token.
    pub(super) async fn is_open(&self) -> Result<bool, TokenError> {
        let options = &self.0.options;
        Ok(!options.beyond_loopback && !options.required && !self.0.tokens.any_standing().await?)
    }

    /// Whose token `presented` is. A wrong one counts against its address.
    pub(super) async fn recognize(&self, presented: &str, peer: IpAddr) -> Result<Token, Refused> {
        let refused = match self.0.tokens.check(presented).await {
            Ok(token) => return Ok(token),
            Err(error) => Refused::from(error),
        };
        if matches!(refused, Refused::Token(_)) {
            self.0.limiter.wrong(peer)?;
        }
        Err(refused)
    }

    async fn identify(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Identity, Refused> {
        // At an open server no token holds, so one that a browser still keeps does not matter.
        if self.is_open().await? {
            return Ok(Identity::local(self.0.local.clone()));
        }
        let Some(presented) = cookie::presented(headers) else {
            self.0.limiter.stranger(peer)?;
            let problem = Problem::new(ErrorKind::Unauthenticated, "this server wants a token");
            let hint = "set `OPSMITH_TOKEN`, or send `Authorization: Bearer …`; `opsmith token create NAME` on the \
                        server's machine makes one";
            return Err(problem.hint(hint).into());
        };
        let token = self.recognize(&presented, peer).await?;
        self.0.limiter.token(token.id)?;
        Ok(Identity::from(&token))
    }

    /// Whether somebody who was let in would be again.
    pub(super) async fn still_admits(&self, identity: &Identity) -> bool {
        match identity.token {
            Some(id) => self.0.tokens.holds(id).await.unwrap_or(false),
            None => self.is_open().await.unwrap_or(false),
        }
    }

    /// What the request's route asks. A path without a route tells nothing to strangers; a route without a rule is a
    /// method that is not served.
    fn access(&self, request: &Request) -> Result<Access, Refused> {
        let Some(path) = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) else {
            return Ok(Access::Viewer);
        };
        let access = find(self.0.rules, request.method(), path);
        access.ok_or_else(|| Refused::Method(methods(self.0.rules, path).join(", ")))
    }
}

/// Lets a request through to its route, or says why not.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.access(&request) {
        Ok(Access::Open) => next.run(request).await,
        Ok(access) => pass(&gate, access, request, next).await.unwrap_or_else(IntoResponse::into_response),
        Err(refused) => refused.into_response(),
    }
}

async fn pass(gate: &Gate, access: Access, mut request: Request, next: Next) -> Result<Response, Refused> {
    let identity = gate.identify(request.headers(), peer(&request)).await?;
    Span::current().record("user.name", identity.principal.to_string());
    let mut response = match identity.check(access) {
        Ok(()) => {
            request.extensions_mut().insert(Caller(identity.principal.clone()));
            request.extensions_mut().insert(identity.clone());
            streams::end_with_right(gate, identity.clone(), next.run(request).await)
        }
        Err(refused) => refused.into_response(),
    };
    // A problem that is shown as a page tells who sees it.
    response.extensions_mut().insert(identity);
    Ok(response)
}

/// Where the request comes from; unknown to a router that is called without a connection.
fn peer(request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}
