use std::collections::VecDeque;

use opsmith_model::Digest;
use serde_json::Value;

use crate::budget::Reservation;
use crate::cassette::Exchange;
use crate::client::Shared;
use crate::draft::Draft;
use crate::limiter::Ticket;
use crate::sse::{Decoder, Oversized};
use crate::transport::Incoming;
use crate::wire::{BadAnswer, Step};
use crate::{BudgetError, Completion, LlmError, Origin, StopReason, measure};

/// What a stream brings.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamEvent {
    /// The next words.
    Text(String),
    /// The whole answer, last.
    Finished(Completion),
}

/// An answer as it comes. Dropped before its end, its request counts at its worst case.
#[derive(Debug)]
pub struct CompletionStream {
    state: State,
    provider: String,
}

#[derive(Debug)]
enum State {
    /// From the cache.
    Known(Box<Completion>),
    /// The same, with its words told.
    Told(Box<Completion>),
    Live(Box<Live>),
    Over,
}

impl CompletionStream {
    pub(crate) fn known(completion: Completion, provider: &str) -> Self {
        Self { state: State::Known(Box::new(completion)), provider: provider.to_owned() }
    }

    pub(crate) fn live(live: Live) -> Self {
        let provider = live.provider();
        Self { state: State::Live(Box::new(live)), provider }
    }

    /// The next event; `None` after the last, or after an error.
    ///
    /// Given up while it waits for words, it loses none of them.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, LlmError>> {
        if let State::Live(live) = &mut self.state {
            match live.next().await {
                Ok(Some(words)) => return Some(Ok(StreamEvent::Text(words))),
                Ok(None) => {}
                Err(error) => {
                    live.count_broken_off().await;
                    let error = live.broken_off(error);
                    self.state = State::Over;
                    return Some(Err(error));
                }
            }
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => None,
            State::Live(live) => Some(live.finish().await.map(StreamEvent::Finished)),
            State::Told(completion) => Some(Ok(StreamEvent::Finished(*completion))),
            State::Known(completion) => {
                let words = completion.text();
                self.state = State::Told(completion);
                Some(Ok(StreamEvent::Text(words)))
            }
        }
    }

    /// Waits for the whole answer; one that was read to its end already has no more.
    pub async fn finish(mut self) -> Result<Completion, LlmError> {
        while let Some(event) = self.next().await {
            if let StreamEvent::Finished(completion) = event? {
                return Ok(completion);
            }
        }
        Err(LlmError::Lost { provider: self.provider, source: None })
    }
}

/// What an answer needs at its end.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) shared: std::sync::Arc<Shared>,
    pub(crate) model: String,
    pub(crate) digest: Digest,
    /// The request as it was redacted.
    pub(crate) body: Value,
    pub(crate) cached: bool,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) origin: Origin,
}

/// An answer that is coming.
#[derive(Debug)]
pub(crate) struct Live {
    incoming: Incoming,
    decoder: Decoder,
    draft: Draft,
    /// An answer that is one JSON text, as far as it has come.
    whole: Vec<u8>,
    /// Words that were read ahead.
    pending: VecDeque<String>,
    ended: bool,
    /// What came, for a cassette.
    tape: Option<Vec<u8>>,
    ending: Ending,
}

impl Live {
    pub(crate) fn new(incoming: Incoming, ending: Ending) -> Self {
        let recording = ending.shared.cassette.as_ref().is_some_and(crate::Cassette::is_recording);
        Self {
            incoming,
            decoder: Decoder::default(),
            draft: Draft::default(),
            whole: Vec::new(),
            pending: VecDeque::new(),
            ended: false,
            tape: recording.then(Vec::new),
            ending,
        }
    }

    /// Reads until something of the answer is there. An error before that is one of an answer that never began.
    pub(crate) async fn begin(&mut self) -> Result<(), LlmError> {
        while !self.ended && !self.draft.begun {
            if let Some(words) = self.read().await? {
                self.pending.push_back(words);
            }
        }
        Ok(())
    }

    /// The next words; `None` at the answer's end.
    async fn next(&mut self) -> Result<Option<String>, LlmError> {
        if let Some(words) = self.pending.pop_front() {
            return Ok(Some(words));
        }
        while !self.ended {
            if let Some(words) = self.read().await? {
                return Ok(Some(words));
            }
        }
        Ok(None)
    }

    /// Takes one event, or more bytes where there is none.
    async fn read(&mut self) -> Result<Option<String>, LlmError> {
        if let Some(event) = self.decoder.next() {
            let wire = self.ending.shared.transport.provider.wire;
            let step = wire.take(&mut self.draft, &event.data).map_err(|bad| self.bad(bad))?;
            self.check_allowance()?;
            return Ok(match step {
                Step::Text(words) => Some(words),
                Step::Quiet => None,
                Step::End => {
                    self.ended = true;
                    None
                }
            });
        }
        if !self.incoming.is_stream {
            return self.read_whole().await;
        }
        match self.incoming.chunk().await? {
            Some(bytes) => {
                self.record(&bytes);
                self.decoder.push(&bytes).map_err(|Oversized| self.oversized())?;
            }
            // Some servers leave out the last event.
            None if self.draft.stop.is_some() => self.ended = true,
            None => return Err(LlmError::Lost { provider: self.provider(), source: None }),
        }
        Ok(None)
    }

    /// Reads an answer that is one JSON text.
    async fn read_whole(&mut self) -> Result<Option<String>, LlmError> {
        while let Some(bytes) = self.incoming.chunk().await? {
            self.whole.extend(bytes);
        }
        let body = std::mem::take(&mut self.whole);
        self.record(&body);
        let wire = self.ending.shared.transport.provider.wire;
        self.draft = wire.whole(&body).map_err(|bad| self.bad(bad))?;
        self.ended = true;
        let words = self.partial().text();
        Ok((!words.is_empty()).then_some(words))
    }

    fn record(&mut self, bytes: &[u8]) {
        if let Some(tape) = &mut self.tape {
            tape.extend_from_slice(bytes);
        }
    }

    /// Ends an answer that is longer than what was reserved, whatever the provider makes of the limit it was given.
    fn check_allowance(&self) -> Result<(), LlmError> {
        let Some(reservation) = &self.ending.reservation else { return Ok(()) };
        let written = self.draft.usage.output.unwrap_or(0).max(self.draft.pieces);
        if written > reservation.output { Err(reservation.exceeded().into()) } else { Ok(()) }
    }

    /// What came so far.
    fn partial(&self) -> Completion {
        let draft = &self.draft;
        let price = self.ending.shared.prices.price(&self.ending.model);
        Completion {
            id: draft.id.clone(),
            model: draft.model.clone().unwrap_or_else(|| self.ending.model.clone()),
            parts: draft.parts(),
            stop: draft.stop.clone(),
            logprobs: draft.logprobs.clone(),
            usage: draft.usage,
            cost: price.and_then(|price| price.cost(&draft.usage)),
            origin: self.ending.origin,
        }
    }

    /// The error with what came before it, or the bare one where nothing did.
    pub(crate) fn broken_off(&self, error: LlmError) -> LlmError {
        let partial = self.partial();
        if partial.parts.is_empty() {
            return error;
        }
        LlmError::BrokenOff { partial: Box::new(partial), source: Box::new(error) }
    }

    /// Takes note of what a broken-off answer has used, as far as the provider has told by then.
    async fn count_broken_off(&mut self) {
        let partial = self.partial();
        if let Some(reservation) = self.ending.reservation.take()
            && let Err(error) = reservation.exceed(&partial.usage, partial.cost).await
        {
            tracing::warn!(error.message = %error, "what a request really took is not recorded; its worst case counts");
        }
        self.measure(&partial);
    }

    fn measure(&self, completion: &Completion) {
        if completion.origin == Origin::Provider {
            let shared = &self.ending.shared;
            let known = shared.prices.price(&self.ending.model).map_or("other", |price| price.name.as_str());
            measure::answered(&shared.transport.provider.name, known, &completion.usage, completion.cost);
        }
    }

    async fn finish(mut self) -> Result<Completion, LlmError> {
        let completion = self.partial();
        let mut exceeded = None;
        if let Some(reservation) = self.ending.reservation.take() {
            let cut = reservation.cut_by.is_some() && completion.stop == Some(StopReason::MaxTokens);
            exceeded = cut.then(|| reservation.exceeded());
            settle(reservation, &completion).await;
        }
        if let (Some(ticket), Some(used)) = (&self.ending.ticket, completion.usage.total()) {
            ticket.settle(used);
        }
        self.measure(&completion);
        let shared = &self.ending.shared;
        if let (Some(tape), Some(cassette)) = (self.tape.take(), &shared.cassette) {
            let answer = String::from_utf8_lossy(&tape);
            cassette.keep(Exchange {
                digest: self.ending.digest.clone(),
                request: self.ending.body.clone(),
                is_stream: self.incoming.is_stream,
                answer: shared.redactor.text(&answer).into_owned(),
            })?;
        }
        if let Some(error) = exceeded {
            return Err(self.broken_off(error.into()));
        }
        if let Some(cache) = shared.cache.as_ref().filter(|_| self.ending.cached && is_good(&completion)) {
            cache.put(&self.ending.digest, &completion).await;
        }
        Ok(completion)
    }

    fn bad(&self, bad: BadAnswer) -> LlmError {
        match bad {
            BadAnswer::Garbled(what) => LlmError::Garbled { provider: self.provider(), what },
            BadAnswer::Refused(refused) => self.ending.shared.transport.refused(refused, &self.ending.model),
        }
    }

    fn oversized(&self) -> LlmError {
        LlmError::Oversized { provider: self.provider(), limit_mib: (Oversized::LIMIT_BYTES >> 20) as u64 }
    }

    fn provider(&self) -> String {
        self.ending.shared.transport.provider.name.clone()
    }
}

/// An answer that would be the same again; what was cut short or declined may not be.
fn is_good(completion: &Completion) -> bool {
    match &completion.stop {
        Some(StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse) => true,
        Some(
            StopReason::MaxTokens
            | StopReason::Refusal
            | StopReason::ContextFull
            | StopReason::Paused
            | StopReason::Other(_),
        )
        | None => false,
    }
}

/// The answer is paid for and there, so a store that fails now does not take it away; its worst case stays taken.
async fn settle(reservation: Reservation, completion: &Completion) {
    if let Err(BudgetError::Store(error)) = reservation.settle(&completion.usage, completion.cost).await {
        tracing::warn!(error.message = %error, "what a request really took is not recorded; its worst case counts");
    }
}
