use std::net::SocketAddr;

use axum::Router;
use opsmith_host::http::{ProblemBody, ServeError, ServeOptions, bind, serve};
use reqwest::{Client, RequestBuilder, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A real server on a free loopback port, with a client.
pub struct Server {
    pub address: SocketAddr,
    pub client: Client,
    pub shutdown: CancellationToken,
    pub ended: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    pub async fn start(router: Router, options: ServeOptions) -> Self {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let ended = tokio::spawn(async move { serve(listener, router, &options, token).await });
        Self { address, client: Client::builder().no_proxy().build().unwrap(), shutdown, ended }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("http://{}{path}", self.address))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// Sends bytes as they are and reads until the server closes.
    pub async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// The problem of an answer; it must be one, and agree with the answer's status and id.
pub async fn problem(response: Response) -> ProblemBody {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let status = response.status().as_u16();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: ProblemBody = response.json().await.unwrap();
    assert_eq!((body.status, body.request_id.as_deref()), (status, Some(id.as_str())));
    assert_eq!(body.message, body.detail);
    body
}
