//! A product's routes behind the real server, and a client for them.

use std::net::SocketAddr;

use opsmith_host::http::{ProblemBody, ServeOptions, bind, serve};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A real server over a router, gone when dropped. Its client takes a redirect as the answer it is.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    client: Client,
    _shutdown: DropGuard,
}

impl Server {
    /// Serves `router` on a free port of loopback.
    pub async fn start(router: axum::Router) -> Self {
        let listener = bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the listener has an address");
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        tokio::spawn(async move { serve(listener, router, &ServeOptions::default(), token).await });
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        Self { address, client, _shutdown: shutdown.drop_guard() }
    }

    /// A request for `path`, not sent so far.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// The same for a `GET`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// The same for a `POST` of `body`.
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// The same for a `PATCH` with `body`.
    pub fn patch(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::PATCH, path).json(body)
    }

    /// What a `GET` of `path` answers, which must be a 200.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).send().await.expect("the server answers");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("it answers JSON")
    }
}

/// The problem of an answer; it must be one, and agree with the answer's status and id.
pub async fn problem(answer: Response) -> ProblemBody {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status().as_u16();
    let id = answer.headers()["x-request-id"].to_str().expect("an id is text").to_owned();
    let body: ProblemBody = answer.json().await.expect("a problem");
    assert_eq!((body.status, body.request_id.as_deref()), (status, Some(id.as_str())));
    body
}
