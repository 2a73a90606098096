use std::time::{Duration, Instant};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::{Client, redirect};
use tokio::runtime::Handle;

use super::outage::Outage;
use super::redact;
use crate::causes::causes;
use crate::config::OTLP_ENDPOINT_VARIABLE;

/// A collector that takes longer to answer has not taken what was sent.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const MOST_ANSWER_BYTES: usize = 64 * 1_024;

/// The way to the collector: what fails is told once per outage, and dropped.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client,
    /// The exporters have threads of their own, outside of the runtime that the client needs.
    runtime: Handle,
    outage: Outage,
}

/// An answer that is larger than any collector's.
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {MOST_ANSWER_BYTES} bytes")]
struct TooLarge;

impl Collector {
    pub(super) fn new(runtime: Handle) -> Result<Self, reqwest::Error> {
        // No redirects: the headers may hold a secret that is for the endpoint alone.
        let client = Client::builder().timeout(ANSWER_LIMIT).connect_timeout(CONNECT_LIMIT);
        let client = client.redirect(redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { client, runtime, outage: Outage::default() })
    }

    fn failed(&self, why: &str) {
        if self.outage.begins(Instant::now()) {
            let text = "telemetry cannot be sent and is dropped until it can; this is not told again while it lasts";
            tracing::warn!(error.message = why, endpoint.variable = OTLP_ENDPOINT_VARIABLE, "{text}");
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let sent = match redact::exported(parts.uri.path(), body.into()) {
            // What cannot be read cannot be let out.
            Err(unreadable) => Err(unreadable.into()),
            Ok(body) => {
                let request = Request::from_parts(parts, Bytes::from(body));
                let sent = self.runtime.spawn(send(self.client.clone(), request)).await;
                sent.unwrap_or_else(|ended| Err(ended.into()))
            }
        };
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.failed(&format!("the collector answers {}", answer.status())),
            Err(error) => {
                let causes = causes(&**error).join(": ");
                self.failed(&format!("{error}: {causes}"));
            }
        }
        sent
    }
}

async fn send(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    // An error's own words have the address, which may hold a password.
    let mut answer = client.execute(request.try_into()?).await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_ANSWER_BYTES {
            return Err(TooLarge.into());
        }
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = answer.status();
    Ok(response)
}
