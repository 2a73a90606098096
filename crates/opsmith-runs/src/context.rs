use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use durare::{DurableContext, Error as JournalError};
use futures::FutureExt;
use opsmith_model::{ErrorKind, Principal, RunId};
use opsmith_store::{Store, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::failpoint::reached;
use crate::lease::Lease;
use crate::measure::step_done;
use crate::runs::Runs;
use crate::{Halt, StepFailure, db};

/// How often a waiting step looks for a signal that another process left.
const SIGNAL_POLL: Duration = Duration::from_millis(500);

/// What a handler works with; cheap to clone.
#[derive(Clone)]
pub struct RunContext {
    pub(crate) journal: Arc<DurableContext>,
    pub(crate) lease: Lease,
    pub(crate) runs: Runs,
    pub(crate) requested_by: Principal,
    pub(crate) kind: Arc<str>,
    pub(crate) replayed: Arc<AtomicBool>,
}

impl std::fmt::Debug for RunContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunContext").field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// What a step's body works with.
#[derive(Clone, Debug)]
pub struct StepScope {
    lease: Lease,
    stoppable: bool,
}

/// A step's answer as the journal keeps it. An interruption is never recorded.
#[derive(Serialize, Deserialize)]
enum Recorded<T> {
    Done(T),
    Failed(StepFailure),
    Cancelled,
}

impl StepScope {
    /// Fires when the step has to stop: cancelled, taken over, or the process ends. Kill what you started, then
    /// answer with [`StepScope::stopped`].
    pub fn token(&self) -> CancellationToken {
        if self.stoppable { self.lease.token().clone() } else { CancellationToken::new() }
    }

    /// What a body that its token stopped answers with.
    pub fn stopped(&self) -> Halt {
        self.lease.halt().unwrap_or(Halt::Cancelled)
    }

    /// Makes sure that no other worker has taken the run over; call it just before every effect.
    pub async fn check_lease(&self) -> Result<(), Halt> {
        self.lease.check().await
    }

    /// Makes sure of the lease inside a transaction, and keeps it until the commit: no newer epoch can begin meanwhile.
    pub async fn hold(&self, write: &Write) -> Result<(), Halt> {
        self.lease.hold(write).await
    }

    /// The epoch of this execution's lease.
    pub fn epoch(&self) -> i64 {
        self.lease.epoch
    }
}

impl RunContext {
    /// The run.
    pub fn run_id(&self) -> RunId {
        self.lease.run_id
    }

    /// Who asked for it.
    pub fn requested_by(&self) -> &Principal {
        &self.requested_by
    }

    /// Whether the newest step's answer is the journal's: what an earlier execution has counted is not counted again.
    pub fn is_replayed(&self) -> bool {
        self.replayed.load(Ordering::Relaxed)
    }

    /// Does `body` once and journals its answer; after a kill the journal answers.
    ///
    /// A kill between the body's effect and the journal runs it again: it begins by looking at the outside.
    pub async fn step<T, F, Fut>(&self, name: &str, body: F) -> Result<T, Halt>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnOnce(StepScope) -> Fut + Send,
        Fut: Future<Output = Result<T, Halt>> + Send,
    {
        self.run_step(name, true, body).await
    }

    /// A step that is done even when the run was cancelled: tidying up and recording the end.
    pub async fn final_step<T, F, Fut>(&self, name: &str, body: F) -> Result<T, Halt>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnOnce(StepScope) -> Fut + Send,
        Fut: Future<Output = Result<T, Halt>> + Send,
    {
        self.run_step(name, false, body).await
    }

    async fn run_step<T, F, Fut>(&self, name: &str, stoppable: bool, body: F) -> Result<T, Halt>
    where
        T: Serialize + DeserializeOwned + Send,
        F: FnOnce(StepScope) -> Fut + Send,
        Fut: Future<Output = Result<T, Halt>> + Send,
    {
        let scope = StepScope { lease: self.lease.clone(), stoppable };
        let (mut body, kind, runs) = (Some(body), &*self.kind, &self.runs);
        self.replayed.store(true, Ordering::Relaxed);
        let recorded = self.journal.step(name, || {
            self.replayed.store(false, Ordering::Relaxed);
            let (scope, body) = (scope.clone(), body.take());
            async move {
                reached(name, "before");
                let Some(body) = body else { return Err(JournalError::app("a step's body is asked for once")) };
                let (began, span) = (Instant::now(), tracing::info_span!("step", step.name = name));
                // Unwound further, it would reach the journal as an error that every replay meets again.
                let answer = AssertUnwindSafe(execute(scope.clone(), body)).catch_unwind().instrument(span).await;
                let answer =
                    answer.unwrap_or_else(|panic| Err(Halt::Failed(panicked(&format!("step `{name}`"), &*panic))));
                // A worker that was paused meanwhile must not write into the journal of the one that took over.
                let answer = match scope.check_lease().await {
                    Ok(()) => answer,
                    Err(lost) => Err(lost),
                };
                if !matches!(answer, Err(Halt::Interrupted(_))) {
                    step_done(kind, name, began.elapsed());
                }
                reached(name, "acted");
                into_recorded(answer.map_err(|halt| redacted(runs, halt)))
            }
        });
        let recorded = recorded.await.map_err(from_journal)?;
        reached(name, "recorded");
        match recorded {
            Recorded::Done(value) => Ok(value),
            Recorded::Failed(failure) => Err(Halt::Failed(failure)),
            Recorded::Cancelled => Err(Halt::Cancelled),
        }
    }

    /// Waits for a time that an earlier step fixed; a restart waits only for what is left. Ends early when the run has
    /// to stop, and a replay ends it the same way.
    pub async fn sleep_until(&self, name: &str, until: DateTime<Utc>) -> Result<(), Halt> {
        let clock = self.runs.clock().clone();
        self.step(name, |scope| async move {
            let token = scope.token();
            let left = (until - clock.now()).to_std().unwrap_or_default();
            tokio::select! {
                () = tokio::time::sleep(left) => Ok(()),
                () = token.cancelled() => Err(scope.stopped()),
            }
        })
        .await
    }

    /// Waits for a signal on `topic`, at most `limit`; each signal is taken by one step, which `name` tells apart.
    pub async fn wait_signal<T>(&self, name: &str, topic: &str, limit: Duration) -> Result<Option<T>, Halt>
    where
        T: DeserializeOwned,
    {
        let (runs, run_id) = (self.runs.clone(), self.run_id());
        let payload: Option<Value> = self
            .step(name, |scope| async move {
                let token = scope.token();
                let waiting = async {
                    loop {
                        let signalled = runs.signalled();
                        if let Some(payload) = take_signal(runs.store(), run_id, topic, name).await? {
                            return Ok::<_, Halt>(payload);
                        }
                        // Either way the next round looks again.
                        let _ = timeout(SIGNAL_POLL, signalled).await;
                    }
                };
                tokio::select! {
                    taken = timeout(limit, waiting) => taken.ok().transpose(),
                    () = token.cancelled() => Err(scope.stopped()),
                }
            })
            .await?;
        payload.map(serde_json::from_value).transpose().map_err(|error| {
            let message = format!("a signal on `{topic}` is not readable: {error}");
            Halt::Failed(StepFailure { kind: ErrorKind::Invalid, message, hint: None })
        })
    }
}

async fn take_signal(store: &Store, run_id: RunId, topic: &str, consumer: &str) -> Result<Option<Value>, Halt> {
    let write = store.write().await?;
    write.take_turns("runs.signals").await?;
    let taken = db::signals::take(&write, run_id, topic, consumer).await?;
    write.commit().await?;
    Ok(taken)
}

/// Runs the body where it may run at all.
async fn execute<T, F, Fut>(scope: StepScope, body: F) -> Result<T, Halt>
where
    F: FnOnce(StepScope) -> Fut,
    Fut: Future<Output = Result<T, Halt>>,
{
    if let Some(halt) = scope.lease.halt()
        && (scope.stoppable || !matches!(halt, Halt::Cancelled))
    {
        return Err(halt);
    }
    scope.check_lease().await?;
    body(scope).await
}

/// Only an interruption leaves the journal without an entry: the step is done again.
fn into_recorded<T>(answer: Result<T, Halt>) -> durare::Result<Recorded<T>> {
    match answer {
        Ok(value) => Ok(Recorded::Done(value)),
        Err(Halt::Failed(failure)) => Ok(Recorded::Failed(failure)),
        Err(Halt::Cancelled) => Ok(Recorded::Cancelled),
        Err(Halt::Interrupted(reason)) => Err(interruption(reason)),
    }
}

/// A halt whose words hold no secret.
pub(crate) fn redacted(runs: &Runs, halt: Halt) -> Halt {
    match halt {
        Halt::Failed(failure) => Halt::Failed(runs.redacted(failure)),
        halt @ (Halt::Cancelled | Halt::Interrupted(_)) => halt,
    }
}

/// A failure that is a defect of ours.
pub(crate) fn defect(message: String) -> StepFailure {
    let hint = "the worker's log has more; `opsmith runs retry` starts the work again".to_owned();
    StepFailure { kind: ErrorKind::Bug, message, hint: Some(hint) }
}

/// What a panic is recorded as.
pub(crate) fn panicked(who: &str, panic: &(dyn Any + Send)) -> StepFailure {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    defect(format!("{who} panicked: {}", words.unwrap_or("it did not say why")))
}

/// The one error that durare neither records nor takes for the run's end.
pub(crate) fn interruption(reason: String) -> JournalError {
    JournalError::RecoveryRequired(Arc::new(JournalError::app(reason)))
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn from_journal(error: JournalError) -> Halt {
    match error {
        // Doing it again would end the same way: the handler does not follow its own journal or the rules of steps.
        JournalError::UnexpectedStep { .. }
        | JournalError::Recorded(_)
        | JournalError::NestedDurableCall { .. }
        | JournalError::DurableCallOutsideExecution { .. } => Halt::Failed(defect(error.to_string())),
        error => Halt::Interrupted(error.to_string()),
    }
}
