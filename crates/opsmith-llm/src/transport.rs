use std::time::Duration;

use opsmith_model::Clock;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, Url, redirect};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::refusal::Refused;
use crate::{LlmError, Phase, Provider, ProviderError, Redactor, retry};

/// More than any model writes, by far.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Enough for an error's sentence.
const MAX_REFUSAL_BYTES: usize = 64 << 10;

/// How long a provider may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// Until the answer's headers, the connection included.
    pub first_byte: Duration,
    /// Between two pieces of the answer; models that think may be silent for minutes.
    pub idle: Duration,
    /// For the whole answer.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(180),
            idle: Duration::from_secs(300),
            whole: Duration::from_secs(1800),
        }
    }
}

/// The way to one provider.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    endpoint: Url,
    headers: HeaderMap,
    timeouts: Timeouts,
    redactor: Redactor,
    clock: Clock,
    pub(crate) provider: Provider,
}

/// Why a request has no answer, and whether the provider may have worked for it all the same.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: LlmError,
    pub(crate) may_be_billed: bool,
}

impl Transport {
    pub(crate) fn new(
        provider: Provider,
        timeouts: Timeouts,
        redactor: Redactor,
        clock: Clock,
    ) -> Result<Self, ProviderError> {
        let endpoint = provider.endpoint()?;
        let mut headers = provider.headers()?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // A redirect would take the key and the prompt along.
        let http = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("opsmith/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| ProviderError::Http { provider: provider.name.clone(), source })?;
        Ok(Self { http, endpoint, headers, timeouts, redactor, clock, provider })
    }

    /// Sends a body and waits for the headers of a good answer.
    pub(crate) async fn send(&self, body: &Value, model: &str) -> Result<Incoming, Failure> {
        let deadline = Instant::now() + self.timeouts.whole;
        let request = self.http.post(self.endpoint.clone()).headers(self.headers.clone()).body(body.to_string());
        let answered = timeout(self.timeouts.first_byte, request.send()).await;
        let response = match answered {
            Err(_) => {
                let error = self.timeout(Phase::FirstByte, self.timeouts.first_byte);
                return Err(Failure { error, may_be_billed: true });
            }
            Ok(Err(source)) if source.is_connect() => {
                let error = if source.is_timeout() {
                    self.timeout(Phase::Connect, self.timeouts.connect)
                } else {
                    LlmError::Unreachable { provider: self.name(), source: source.without_url() }
                };
                return Err(Failure { error, may_be_billed: false });
            }
            Ok(Err(source)) => {
                let error = LlmError::Lost { provider: self.name(), source: Some(source.without_url()) };
                return Err(Failure { error, may_be_billed: true });
            }
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        let asked = retry::asked(response.headers(), self.clock.now());
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_stream = kind.starts_with("text/event-stream");
        let mut incoming = Incoming {
            source: Source::Wire(Box::new(response)),
            is_stream,
            received: 0,
            deadline,
            timeouts: self.timeouts,
            provider: self.name(),
        };
        if status.is_success() {
            return Ok(incoming);
        }
        let body = incoming.beginning(MAX_REFUSAL_BYTES).await;
        let error = self.refused(Refused::of_answer(status.as_u16(), asked, &body), model);
        Err(Failure { error, may_be_billed: false })
    }

    /// What a refusal means, without the key or any secret in its words.
    pub(crate) fn refused(&self, refused: Refused, model: &str) -> LlmError {
        let key = self.provider.key.as_ref().map(opsmith_model::Secret::expose);
        refused.into_error(&self.provider.name, model, key, &self.redactor)
    }

    /// An answer that a cassette has.
    pub(crate) fn replay(&self, body: String, is_stream: bool) -> Incoming {
        Incoming {
            source: Source::Tape(Some(body)),
            is_stream,
            received: 0,
            deadline: Instant::now() + self.timeouts.whole,
            timeouts: self.timeouts,
            provider: self.name(),
        }
    }

    fn name(&self) -> String {
        self.provider.name.clone()
    }

    fn timeout(&self, phase: Phase, after: Duration) -> LlmError {
        LlmError::Timeout { provider: self.name(), phase, after }
    }
}

/// The body of an answer as it comes.
#[derive(Debug)]
pub(crate) struct Incoming {
    source: Source,
    /// Server-sent events; else one JSON text.
    pub(crate) is_stream: bool,
    received: u64,
    deadline: Instant,
    timeouts: Timeouts,
    provider: String,
}

#[derive(Debug)]
enum Source {
    Wire(Box<Response>),
    Tape(Option<String>),
}

impl Incoming {
    /// The next bytes; `None` at the end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, LlmError> {
        let response = match &mut self.source {
            Source::Tape(body) => return Ok(body.take().map(String::into_bytes)),
            Source::Wire(response) => response,
        };
        let idle = Instant::now() + self.timeouts.idle;
        let read = timeout_at(idle.min(self.deadline), response.chunk()).await;
        let chunk = match read {
            Err(_) => {
                let (phase, after) = if idle < self.deadline {
                    (Phase::NextByte, self.timeouts.idle)
                } else {
                    (Phase::Whole, self.timeouts.whole)
                };
                return Err(LlmError::Timeout { provider: self.provider.clone(), phase, after });
            }
            Ok(Err(source)) => {
                let source = Some(source.without_url());
                return Err(LlmError::Lost { provider: self.provider.clone(), source });
            }
            Ok(Ok(chunk)) => chunk,
        };
        self.received += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.received > MAX_ANSWER_BYTES {
            return Err(LlmError::Oversized { provider: self.provider.clone(), limit_mib: MAX_ANSWER_BYTES >> 20 });
        }
        Ok(chunk.map(|chunk| chunk.to_vec()))
    }

    /// Its first bytes, as many as come.
    async fn beginning(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            bytes.extend(chunk);
            if bytes.len() >= most {
                bytes.truncate(most);
                break;
            }
        }
        bytes
    }
}
