use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use opsmith_model::{Clock, Target};
use reqwest::redirect;

use super::call::{Auth, Call};
use super::conditional::Conditional;
use super::limit::Gate;
use super::tokens::Tokens;
use super::{ApiAddress, Credentials, GitHubError};
use crate::url::RepoUrl;

/// How long GitHub is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For one request and its whole answer.
    pub request: Duration,
    /// For one call with all that is tried again: longer than most outages and bursts of refusals.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), request: Duration::from_secs(30), whole: Duration::from_secs(15 * 60) }
    }
}

/// A GitHub, github.com or an Enterprise server; cheap to clone, and one per process is best: its clones share the
/// limits of requests, the tokens and what is known by ETags.
#[derive(Clone, Debug)]
pub struct GitHub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    address: ApiAddress,
    credentials: Credentials,
    clock: Clock,
    patience: Patience,
    gate: Gate,
    conditional: Conditional,
    tokens: Tokens,
}

impl GitHub {
    /// A client of the API at `address`.
    pub fn new(
        address: ApiAddress,
        credentials: Credentials,
        clock: Clock,
        patience: Patience,
    ) -> Result<Self, GitHubError> {
        // Redirects are followed by hand: the token goes to one origin only.
        let http = reqwest::Client::builder()
            .connect_timeout(patience.connect)
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("opsmith/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(GitHubError::Client)?;
        let (gate, conditional, tokens) = (Gate::default(), Conditional::default(), Tokens::default());
        Ok(Self(Arc::new(Inner { http, address, credentials, clock, patience, gate, conditional, tokens })))
    }

    /// A repository of this GitHub, there or not.
    pub fn repository(&self, url: &RepoUrl) -> Result<GitHubRepo, GitHubError> {
        let (owner, name) = self.0.address.repository(url)?;
        Ok(GitHubRepo { github: self.clone(), url: url.clone(), owner, name })
    }

    /// Whether the repository is on this GitHub.
    pub fn has(&self, url: &RepoUrl) -> bool {
        self.0.address.repository(url).is_ok()
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(super) fn address(&self) -> &ApiAddress {
        &self.0.address
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.0.clock.now()
    }

    pub(super) fn patience(&self) -> Patience {
        self.0.patience
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(super) fn conditional(&self) -> &Conditional {
        &self.0.conditional
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }
}

/// One repository of a GitHub; cheap to clone.
#[derive(Clone, Debug)]
pub struct GitHubRepo {
    pub(super) github: GitHub,
    pub(super) url: RepoUrl,
    pub(super) owner: String,
    pub(super) name: String,
}

impl GitHubRepo {
    /// What permits and policies call it.
    pub fn target(&self) -> Target {
        self.url.target()
    }

    /// What errors call it: `acme/api` in backticks.
    pub(super) fn shown(&self) -> String {
        format!("`{}/{}`", self.owner, self.name)
    }

    /// A call for the resource at `path` below the repository's.
    pub(super) fn call(&self, method: reqwest::Method, path: &[&str], subject: String) -> Call {
        let segments: Vec<&str> = ["repos", &self.owner, &self.name].into_iter().chain(path.iter().copied()).collect();
        Call::new(method, self.github.address().join(&segments), subject, self.auth())
    }

    /// A call that reads.
    pub(super) fn get(&self, path: &[&str], subject: String) -> Call {
        self.call(reqwest::Method::GET, path, subject)
    }

    /// A call that does something, which doing twice is not the same as doing once.
    pub(super) fn post(&self, path: &[&str], subject: String) -> Call {
        self.call(reqwest::Method::POST, path, subject)
    }

    pub(super) fn auth(&self) -> Auth {
        Auth::Repository { owner: self.owner.clone(), name: self.name.clone() }
    }
}
