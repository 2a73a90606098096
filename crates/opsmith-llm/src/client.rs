use std::sync::Arc;
use std::time::Duration;

use opsmith_model::{Clock, Digest};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::budget::WorstCase;
use crate::limiter::Ticket;
use crate::stream::{Ending, Live};
use crate::transport::Transport;
use crate::{
    Budget, Cassette, Completion, CompletionStream, LlmError, Origin, PriceTable, Provider, ProviderError, RateLimiter,
    Redactor, Request, ResponseCache, Retries, Timeouts,
};

/// Bytes of a token as they are on average, for the pace alone.
const BYTES_PER_TOKEN: u64 = 4;

/// How a [`Client`] asks.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// What models cost.
    pub prices: PriceTable,
    /// The time of day, for budgets per day and dates in headers.
    pub clock: Clock,
    /// How long a provider may take.
    pub timeouts: Timeouts,
    /// How often it is asked again.
    pub retries: Retries,
    /// What takes secrets out.
    pub redactor: Redactor,
    /// The pace; share it between clients of one key.
    pub limiter: Option<RateLimiter>,
    /// What may be spent.
    pub budget: Option<Budget>,
    /// Earlier answers.
    pub cache: Option<ResponseCache>,
    /// Recorded answers.
    pub cassette: Option<Cassette>,
}

impl ClientOptions {
    /// Usual times and retries, and everything else off.
    pub fn new(prices: PriceTable, clock: Clock) -> Self {
        Self {
            prices,
            clock,
            timeouts: Timeouts::default(),
            retries: Retries::default(),
            redactor: Redactor::none(),
            limiter: None,
            budget: None,
            cache: None,
            cassette: None,
        }
    }
}

/// Asks models of one provider; cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    /// Whose budget is taken, beside the day's.
    run: Option<Arc<str>>,
}

/// What every request of a client needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) transport: Transport,
    pub(crate) prices: PriceTable,
    pub(crate) redactor: Redactor,
    pub(crate) cache: Option<ResponseCache>,
    pub(crate) cassette: Option<Cassette>,
    retries: Retries,
    limiter: Option<RateLimiter>,
    budget: Option<Budget>,
}

impl Client {
    /// A client; nothing is sent so far.
    pub fn new(provider: Provider, options: ClientOptions) -> Result<Self, ProviderError> {
        let ClientOptions { prices, clock, timeouts, retries, redactor, limiter, budget, cache, cassette } = options;
        let transport = Transport::new(provider, timeouts, redactor.clone(), clock)?;
        let shared = Shared { transport, prices, redactor, cache, cassette, retries, limiter, budget };
        Ok(Self { shared: Arc::new(shared), run: None })
    }

    /// The same client on a run's budget.
    #[must_use]
    pub fn for_run(&self, run: &str) -> Self {
        Self { shared: Arc::clone(&self.shared), run: Some(run.into()) }
    }

    /// Asks, and waits for the whole answer.
    pub async fn complete(&self, request: &Request) -> Result<Completion, LlmError> {
        self.stream(request).await?.finish().await
    }

    /// Asks, and answers as soon as the model begins to.
    ///
    /// Sent again only as long as nothing of an answer came; what comes after that is an error of the stream.
    pub async fn stream(&self, request: &Request) -> Result<CompletionStream, LlmError> {
        let provider = &self.shared.transport.provider;
        let body = self.shared.redactor.value(provider.body(request));
        let digest = Digest::of_json(&json!({ "provider": provider.name, "request": body }));
        let cached = request.may_be_cached();
        if let Some(cache) = self.shared.cache.as_ref().filter(|_| cached)
            && let Some(completion) = cache.get(&digest).await
        {
            return Ok(CompletionStream::known(completion, &provider.name));
        }
        if let Some(stream) = self.play(request, &digest, &body)? {
            return Ok(stream);
        }
        let mut failed = 0;
        loop {
            match self.attempt(request, &digest, &body).await {
                Ok(live) => return Ok(CompletionStream::live(live)),
                Err(error) => {
                    failed += 1;
                    let Some(pause) = self.shared.retries.pause(failed, &error) else { return Err(error) };
                    tracing::debug!(error.message = %error, llm.attempt = failed, "asking the model again");
                    self.wait(&error, pause).await;
                }
            }
        }
    }

    /// Waits before the next attempt; a rate limit holds back everyone who uses the key.
    async fn wait(&self, error: &LlmError, pause: Duration) {
        if let (LlmError::RateLimited { retry_after: Some(asked), .. }, Some(limiter)) = (error, &self.shared.limiter) {
            limiter.pause(*asked);
        }
        sleep(pause).await;
    }

    /// The stream of a cassette's answer; `None` where none is to be played.
    fn play(&self, request: &Request, digest: &Digest, body: &Value) -> Result<Option<CompletionStream>, LlmError> {
        let Some(cassette) = &self.shared.cassette else { return Ok(None) };
        let Some(exchange) = cassette.play(digest, body)? else { return Ok(None) };
        let incoming = self.shared.transport.replay(exchange.answer, exchange.is_stream);
        let ending = self.ending(request, digest, body, Origin::Cassette);
        Ok(Some(CompletionStream::live(Live::new(incoming, ending))))
    }

    async fn attempt(&self, request: &Request, digest: &Digest, body: &Value) -> Result<Live, LlmError> {
        let bytes = body.to_string().len() as u64;
        let mut ending = self.ending(request, digest, body, Origin::Provider);
        ending.ticket = self.acquire(bytes / BYTES_PER_TOKEN + u64::from(request.max_tokens)).await;
        let mut sent = body.clone();
        if let Some(budget) = &self.shared.budget {
            let price = self.shared.prices.price(&request.model);
            let worst = WorstCase {
                model: &request.model,
                input: bytes,
                output: u64::from(request.max_tokens),
                rates: price.map(|price| price.rates(bytes)),
            };
            let reservation = budget.reserve(self.run.as_deref(), &worst).await?;
            sent[self.shared.transport.provider.limit_field()] = json!(reservation.output);
            ending.reservation = Some(reservation);
        }
        match self.shared.transport.send(&sent, &request.model).await {
            Ok(incoming) => {
                let mut live = Live::new(incoming, ending);
                live.begin().await?;
                Ok(live)
            }
            Err(failure) => {
                if let Some(reservation) = ending.reservation.filter(|_| !failure.may_be_billed) {
                    reservation.release().await?;
                }
                if let Some(ticket) = ending.ticket {
                    ticket.settle(0);
                }
                Err(failure.error)
            }
        }
    }

    async fn acquire(&self, tokens: u64) -> Option<Ticket> {
        match &self.shared.limiter {
            Some(limiter) => Some(limiter.acquire(tokens).await),
            None => None,
        }
    }

    fn ending(&self, request: &Request, digest: &Digest, body: &Value, origin: Origin) -> Ending {
        Ending {
            shared: Arc::clone(&self.shared),
            model: request.model.clone(),
            digest: digest.clone(),
            body: body.clone(),
            cached: request.may_be_cached(),
            reservation: None,
            ticket: None,
            origin,
        }
    }
}
