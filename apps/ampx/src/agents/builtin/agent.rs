use std::time::Duration;

use opsmith_llm::{BudgetError, Client, Completion, LlmError, StopReason, UserPart};
use opsmith_model::Hint;
use opsmith_sandbox::{OutputChunk, Stream};
use tokio::time::{Instant, sleep_until};

use super::conversation::Conversation;
use super::models::{LOGIN, Model};
use super::tools;
use super::waiting::Patience;
use crate::agents::event::{AgentEvent, Counted};
use crate::agents::tally::{Overrun, Tally};
use crate::agents::{AgentError, AgentFault, AgentReport, FaultKind, Job};
use crate::config::AgentSettings;
use crate::task::Usage;

/// How often in a row a model is asked to go on with an answer that was cut short.
const MOST_PRODS: u32 = 3;

/// A model with tools over the task's tree.
#[derive(Clone, Debug)]
pub struct BuiltinAgent {
    settings: AgentSettings,
}

/// How a go ended, where nothing of this machine failed.
enum Ending {
    Finished,
    Overrun(Overrun),
    /// Its time is over.
    TimedOut,
    /// The budget of the task is spent.
    Spent,
    Fault(AgentFault),
}

impl BuiltinAgent {
    pub(in crate::agents) fn new(settings: &AgentSettings) -> Self {
        Self { settings: settings.clone() }
    }

    /// How a person gives it a key.
    pub(in crate::agents) const fn login() -> &'static str {
        LOGIN
    }

    /// The model that it asks, for a person.
    pub(in crate::agents) fn model(&self) -> String {
        Model::choose(&self.settings).map(|model| model.name).unwrap_or_default()
    }

    /// The variable that its key comes from; `None` where it asks without one.
    pub(crate) fn key_variable(&self) -> Option<&'static str> {
        Model::choose(&self.settings).ok().and_then(|model| model.key_variable())
    }

    /// Whether there is a key.
    pub(in crate::agents) fn check(&self) -> Result<(), AgentError> {
        Model::choose(&self.settings).map(drop)
    }

    /// One go: turns of the model until it calls no tool any more.
    pub(in crate::agents) async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        let model = Model::choose(&self.settings)?;
        let client = job.models.client(&model.provider, &job.task_id, job.budget_usd, job.redactor);
        let client = client.map_err(|error| unusable(&error))?;
        let mut tally = Tally::new(job.allowance, Usage::ZERO);
        let mut conversation = Conversation::new(&model.name, job.models.caching(), &job);
        let (ended, out_of_bounds, fault) = match turns(&client, &job, &mut conversation, &mut tally).await? {
            Ending::Finished => ("finished".to_owned(), false, None),
            Ending::TimedOut => (format!("was stopped after {} s", job.limits.wall.as_secs()), true, None),
            Ending::Overrun(Overrun::Turns) => {
                (format!("was stopped after {} uses of its tools", job.allowance.turns), true, None)
            }
            Ending::Spent | Ending::Overrun(Overrun::Cost) => {
                ("was stopped with its budget spent".to_owned(), true, None)
            }
            Ending::Overrun(Overrun::Faults) => ("was stopped".to_owned(), false, tally.fault.take()),
            Ending::Fault(fault) => ("could not go on".to_owned(), false, Some(fault)),
        };
        Ok(AgentReport { ended, out_of_bounds, usage: tally.usage(), thread_id: None, fault })
    }
}

async fn turns(
    client: &Client,
    job: &Job<'_>,
    conversation: &mut Conversation,
    tally: &mut Tally,
) -> Result<Ending, AgentError> {
    let deadline = Instant::now() + job.limits.wall;
    let (mut prods, mut patience) = (0, Patience::new());
    loop {
        let completed = tokio::select! {
            completed = client.complete(&conversation.0) => completed,
            () = sleep_until(deadline) => return Ok(Ending::TimedOut),
            () = job.cancel.cancelled() => return Ok(Ending::Finished),
        };
        let completion = match completed {
            Ok(completion) => completion,
            Err(LlmError::ContextTooLong { .. } | LlmError::TooLarge { .. }) if conversation.halve() => continue,
            Err(error) => match patience.pause(&error) {
                Some(pause) => {
                    wait(job, tally, &error, pause, deadline).await;
                    continue;
                }
                None => return hindered(job, tally, &error).await,
            },
        };
        patience = Patience::new();
        if let Some(overrun) = count(job, tally, &completion).await {
            return Ok(Ending::Overrun(overrun));
        }
        let calls: Vec<_> = completion.tool_calls().cloned().collect();
        if calls.is_empty() {
            match goes_on(&completion) {
                GoesOn::No => return Ok(end(&completion)),
                GoesOn::AsItIs | GoesOn::Prodded if prods == MOST_PRODS => return Ok(end(&completion)),
                GoesOn::AsItIs => conversation.add(completion, Vec::new()),
                GoesOn::Prodded => conversation.prod(completion),
            }
            prods += 1;
            continue;
        }
        prods = 0;
        let mut results = Vec::new();
        for call in calls {
            let answer = tools::run(job, &call, deadline).await?;
            if let Some(overrun) = note(job, tally, answer.event).await {
                return Ok(Ending::Overrun(overrun));
            }
            let (content, is_error) = (answer.text, answer.is_error);
            results.push(UserPart::ToolResult { call_id: call.id, content, is_error });
        }
        conversation.add(completion, results);
    }
}

/// Waits before the model is asked again, at most as long as the go has time.
async fn wait(job: &Job<'_>, tally: &mut Tally, error: &LlmError, pause: Duration, deadline: Instant) {
    if let Some(partial) = error.partial() {
        count(job, tally, partial).await;
    }
    say(job, &format!("[waiting {} s] {}", pause.as_secs(), cause(error))).await;
    tokio::select! {
        () = sleep_until(deadline.min(Instant::now() + pause)) => {}
        () = job.cancel.cancelled() => {}
    }
}

/// Whether a turn without tool calls was the last one.
#[derive(Clone, Copy)]
enum GoesOn {
    No,
    /// The provider wants its turn back as it was.
    AsItIs,
    /// It was cut short.
    Prodded,
}

fn goes_on(completion: &Completion) -> GoesOn {
    match &completion.stop {
        Some(StopReason::Paused) => GoesOn::AsItIs,
        Some(StopReason::MaxTokens) => GoesOn::Prodded,
        Some(
            StopReason::EndTurn
            | StopReason::StopSequence
            | StopReason::ToolUse
            | StopReason::Refusal
            | StopReason::ContextFull
            | StopReason::Other(_),
        )
        | None => GoesOn::No,
    }
}

/// How an answer without tool calls ends the go.
fn end(completion: &Completion) -> Ending {
    match &completion.stop {
        Some(StopReason::Refusal) => Ending::Fault(AgentFault::new(FaultKind::Other, "the model declined the task")),
        Some(StopReason::MaxTokens | StopReason::ContextFull) => {
            Ending::Fault(AgentFault::new(FaultKind::Other, "the model's answer was cut short"))
        }
        Some(
            StopReason::EndTurn
            | StopReason::StopSequence
            | StopReason::ToolUse
            | StopReason::Paused
            | StopReason::Other(_),
        )
        | None => Ending::Finished,
    }
}

/// Takes note of an answer: its words and what it used.
async fn count(job: &Job<'_>, tally: &mut Tally, completion: &Completion) -> Option<Overrun> {
    if let Some(message) = AgentEvent::message(&completion.text()) {
        note(job, tally, message).await;
    }
    let step = Usage {
        input_tokens: completion.usage.all_input(),
        output_tokens: completion.usage.output,
        cost_usd: completion.cost.map(opsmith_llm::Usd::as_f64),
    };
    note(job, tally, AgentEvent::Usage(Counted::Step(step))).await
}

/// Takes note of an event, in the log too.
async fn note(job: &Job<'_>, tally: &mut Tally, event: AgentEvent) -> Option<Overrun> {
    if let Some(line) = event.line() {
        say(job, &line).await;
    }
    tally.take(&event)
}

async fn say(job: &Job<'_>, line: &str) {
    let bytes = format!("{line}\n").into_bytes();
    // A log that nobody reads any more is not the agent's concern.
    let _ = job.log.send(OutputChunk { stream: Stream::Stdout, bytes }).await;
}

/// What broke an answer off, or the error itself.
fn cause(error: &LlmError) -> &LlmError {
    if let LlmError::BrokenOff { source, .. } = error { source } else { error }
}

/// A model that cannot be asked as it is configured, however often.
fn unusable(error: &(impl std::fmt::Display + Hint)) -> AgentError {
    let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    AgentError::Model(format!("{error}{hint}"))
}

/// What an error of the model means for the go.
async fn hindered(job: &Job<'_>, tally: &mut Tally, error: &LlmError) -> Result<Ending, AgentError> {
    if let Some(partial) = error.partial() {
        count(job, tally, partial).await;
    }
    let cause = cause(error);
    let kind = match cause {
        LlmError::Budget(BudgetError::Spent { .. } | BudgetError::SpentMidway { .. }) => {
            say(job, &format!("[budget] {cause}")).await;
            return Ok(Ending::Spent);
        }
        // The next attempt would find the same.
        LlmError::NoSuchModel { .. } | LlmError::Budget(BudgetError::Unpriced { .. }) | LlmError::Cassette(_) => {
            return Err(unusable(cause));
        }
        LlmError::Unauthenticated { .. } | LlmError::Forbidden { .. } => FaultKind::Auth,
        LlmError::OutOfQuota { .. } => FaultKind::Quota,
        LlmError::RateLimited { .. } => FaultKind::RateLimited,
        LlmError::Overloaded { .. }
        | LlmError::Broken { .. }
        | LlmError::Unreachable { .. }
        | LlmError::Timeout { .. }
        | LlmError::Lost { .. } => FaultKind::Unavailable,
        LlmError::Garbled { .. } | LlmError::Oversized { .. } | LlmError::NotAsAsked { .. } => FaultKind::Malformed,
        LlmError::ContextTooLong { .. }
        | LlmError::TooLarge { .. }
        | LlmError::Rejected { .. }
        | LlmError::BadSchema { .. }
        | LlmError::BrokenOff { .. }
        | LlmError::Budget(BudgetError::Store(_)) => FaultKind::Other,
    };
    let fault = AgentFault::new(kind, &cause.to_string());
    note(job, tally, AgentEvent::Error(fault.clone())).await;
    Ok(Ending::Fault(fault))
}
