use opsmith_llm::{Client, ClientOptions, Completion, LlmError, PriceTable, StopReason, UserPart};
use opsmith_model::Clock;
use opsmith_sandbox::{OutputChunk, Stream};
use tokio::time::{Instant, sleep_until};

use super::conversation::Conversation;
use super::models::{LOGIN, Model};
use super::tools;
use crate::agents::event::{AgentEvent, Counted};
use crate::agents::tally::{Overrun, Tally};
use crate::agents::{AgentError, AgentFault, AgentReport, FaultKind, Job};
use crate::config::AgentSettings;
use crate::task::Usage;

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

    /// Whether there is a key.
    pub(in crate::agents) fn check(&self) -> Result<(), AgentError> {
        Model::choose(&self.settings).map(drop)
    }

    /// One go: turns of the model until it calls no tool any more.
    pub(in crate::agents) async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        let model = Model::choose(&self.settings)?;
        let client = client(&model, &job)?;
        let mut tally = Tally::new(job.allowance, Usage::ZERO);
        let mut conversation = Conversation::new(&model.name, &job);
        let (ended, out_of_bounds, fault) = match turns(&client, &job, &mut conversation, &mut tally).await? {
            Ending::Finished => ("finished".to_owned(), false, None),
            Ending::TimedOut => (format!("was stopped after {} s", job.limits.wall.as_secs()), true, None),
            Ending::Overrun(Overrun::Turns) => {
                (format!("was stopped after {} uses of its tools", job.allowance.turns), true, None)
            }
            Ending::Spent | Ending::Overrun(Overrun::Cost) => ("was stopped over its budget".to_owned(), true, None),
            Ending::Overrun(Overrun::Faults) => ("was stopped".to_owned(), false, tally.fault.take()),
            Ending::Fault(fault) => ("could not go on".to_owned(), false, Some(fault)),
        };
        Ok(AgentReport { ended, out_of_bounds, usage: tally.usage(), thread_id: None, fault })
    }
}

fn client(model: &Model, job: &Job<'_>) -> Result<Client, AgentError> {
    let prices = PriceTable::shipped().map_err(|error| AgentError::Model(error.to_string()))?;
    let options = ClientOptions { budget: Some(job.budget.clone()), ..ClientOptions::new(prices, Clock::system()) };
    let client = Client::new(model.provider.clone(), options).map_err(|error| AgentError::Model(error.to_string()))?;
    Ok(client.for_run(&job.task_id))
}

async fn turns(
    client: &Client,
    job: &Job<'_>,
    conversation: &mut Conversation,
    tally: &mut Tally,
) -> Result<Ending, AgentError> {
    let deadline = Instant::now() + job.limits.wall;
    loop {
        let completed = tokio::select! {
            completed = client.complete(&conversation.0) => completed,
            () = sleep_until(deadline) => return Ok(Ending::TimedOut),
            () = job.cancel.cancelled() => return Ok(Ending::Finished),
        };
        let completion = match completed {
            Ok(completion) => completion,
            Err(error) => return Ok(hindered(job, tally, &error).await),
        };
        if let Some(overrun) = count(job, tally, &completion).await {
            return Ok(Ending::Overrun(overrun));
        }
        let calls: Vec<_> = completion.tool_calls().cloned().collect();
        if calls.is_empty() && completion.stop != Some(StopReason::Paused) {
            return Ok(end(&completion));
        }
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
        let bytes = format!("{line}\n").into_bytes();
        // A log that nobody reads any more is not the agent's concern.
        let _ = job.log.send(OutputChunk { stream: Stream::Stdout, bytes }).await;
    }
    tally.take(&event)
}

/// What an error of the model means for the go.
async fn hindered(job: &Job<'_>, tally: &mut Tally, error: &LlmError) -> Ending {
    if let Some(partial) = error.partial() {
        count(job, tally, partial).await;
    }
    let cause = if let LlmError::BrokenOff { source, .. } = error { source } else { error };
    let kind = match cause {
        LlmError::Budget(opsmith_llm::BudgetError::Spent { .. } | opsmith_llm::BudgetError::SpentMidway { .. }) => {
            return Ending::Spent;
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
        LlmError::NoSuchModel { .. }
        | LlmError::ContextTooLong { .. }
        | LlmError::TooLarge { .. }
        | LlmError::Rejected { .. }
        | LlmError::BadSchema { .. }
        | LlmError::BrokenOff { .. }
        | LlmError::Cassette(_)
        | LlmError::Budget(opsmith_llm::BudgetError::Unpriced { .. } | opsmith_llm::BudgetError::Store(_)) => {
            FaultKind::Other
        }
    };
    let fault = AgentFault::new(kind, &cause.to_string());
    note(job, tally, AgentEvent::Error(fault.clone())).await;
    Ending::Fault(fault)
}
