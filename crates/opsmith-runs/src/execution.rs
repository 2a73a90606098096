use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use durare::DurableContext;
use futures::FutureExt;
use opsmith_model::RunId;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::context::{defect, interruption, panicked};
use crate::db::claims::Acquired;
use crate::db::runs::Model;
use crate::engine::RunRef;
use crate::lease::{Lease, StopCause};
use crate::runs::Runs;
use crate::{Halt, Outcome, Registry, RunContext, db};

/// A run that was taken up this often kills whoever takes it.
const MOST_EPOCHS: i64 = 200;

/// The executions of one worker: who runs here, and how a run is taken to its end.
#[derive(Debug)]
pub(crate) struct Executions {
    worker_id: String,
    runs: Runs,
    registry: Registry,
    active: Mutex<HashMap<RunId, Lease>>,
    claimed: Mutex<HashMap<RunId, Claim>>,
    /// Cancelled when the worker ends.
    stopping: CancellationToken,
}

/// A claim that no execution has used yet.
#[derive(Debug)]
struct Claim {
    row: Model,
    /// Nobody is about to begin its execution any more.
    left: bool,
}

/// An execution for as long as it is one; the library may drop it at any await.
struct Entered<'a> {
    executions: &'a Executions,
    lease: &'a Lease,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.executions.leave(self.lease);
    }
}

impl Executions {
    pub(crate) fn new(worker_id: String, runs: Runs, registry: Registry, stopping: CancellationToken) -> Self {
        Self { worker_id, runs, registry, active: Mutex::default(), claimed: Mutex::default(), stopping }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Lease>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_claimed(&self) -> MutexGuard<'_, HashMap<RunId, Claim>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was claimed for the execution that is about to begin: it need not ask for a lease of its own.
    pub(crate) fn expect(&self, id: RunId, row: Model) {
        self.lock_claimed().insert(id, Claim { row, left: false });
    }

    /// Says that the begin of a claimed run's execution is over, well or not.
    pub(crate) fn was_begun(&self, id: RunId) {
        if let Some(claim) = self.lock_claimed().get_mut(&id) {
            claim.left = true;
        }
    }

    /// Forgets a claimed run that could not be begun; whether nobody has executed it under that claim.
    pub(crate) fn forget(&self, id: RunId) -> bool {
        self.lock_claimed().remove(&id).is_some()
    }

    /// Whether a claim is unused though the begin of its execution is over.
    pub(crate) fn has_unused_claim(&self, id: RunId) -> bool {
        self.lock_claimed().get(&id).is_some_and(|claim| claim.left)
    }

    /// The leases of what runs here now.
    pub(crate) fn active(&self) -> Vec<Lease> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn has(&self, id: RunId) -> bool {
        self.lock().contains_key(&id)
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        self.registry.kinds()
    }

    /// Takes a run from wherever its journal stands to its end; an error leaves it to be taken up again.
    pub(crate) async fn execute(self: Arc<Self>, journal: DurableContext, run: RunRef) -> durare::Result<Value> {
        let span = tracing::info_span!("run", run.id = %run.run_id);
        self.execute_in_span(journal, run).instrument(span).await
    }

    async fn execute_in_span(self: Arc<Self>, journal: DurableContext, run: RunRef) -> durare::Result<Value> {
        let taken = self.lease(run.run_id).await.map_err(|halt| interruption(halt.to_string()))?;
        let Some(row) = taken else { return Ok(Value::Null) };
        let lease = Lease::new(run.run_id, row.epoch, self.runs.store().clone());
        if row.cancel_requested {
            lease.stop(StopCause::Cancelled);
        }
        let _entered = self.enter(&lease);
        if self.stopping.is_cancelled() {
            // It came too late to be among those that were told.
            lease.stop(StopCause::ShuttingDown);
        }
        let outcome = self.handle(journal, &lease, row).await;
        let finished = match outcome {
            Ok(outcome) => self.finish(&lease, &outcome).await,
            Err(halt) => Err(halt),
        };
        match finished {
            Ok(()) => Ok(Value::Null),
            Err(halt) => {
                tracing::info!(reason = %halt, "the run stops here and goes on elsewhere or later");
                Err(interruption(halt.to_string()))
            }
        }
    }

    /// The run under an epoch of this execution; `None` where it has ended.
    async fn lease(&self, id: RunId) -> Result<Option<Model>, Halt> {
        let claimed = self.lock_claimed().remove(&id);
        if let Some(claim) = claimed {
            return Ok(Some(claim.row));
        }
        let write = self.runs.store().write().await?;
        let acquired = db::claims::acquire(&write, id, &self.worker_id).await?;
        write.commit().await?;
        match acquired {
            Acquired::Leased(row) => Ok(Some(*row)),
            Acquired::Ended => Ok(None),
            Acquired::Elsewhere => Err(Halt::Interrupted("this worker does not hold the run".to_owned())),
        }
    }

    /// Calls the handler and makes its answer an outcome; only an interruption is none.
    async fn handle(&self, journal: DurableContext, lease: &Lease, row: Model) -> Result<Outcome, Halt> {
        if row.epoch > MOST_EPOCHS {
            return Ok(failed(format!("the run was taken up {MOST_EPOCHS} times and never came to its end")));
        }
        let (Ok(input), Ok(requested_by)) = (serde_json::from_str(&row.input), row.requested_by.parse()) else {
            return Ok(failed("the run's input or principal in the database is not readable".to_owned()));
        };
        let context = RunContext {
            journal: Arc::new(journal),
            lease: lease.clone(),
            runs: self.runs.clone(),
            requested_by,
            kind: row.kind.as_str().into(),
            replayed: Arc::default(),
        };
        let Some(ending) = self.registry.call(&row.kind, context, input) else {
            return Err(Halt::Interrupted(format!("this worker has no handler for `{}`", row.kind)));
        };
        match AssertUnwindSafe(ending).catch_unwind().await {
            Ok(Ok(output)) => Ok(Outcome::Succeeded { output }),
            Ok(Err(Halt::Failed(failure))) => Ok(Outcome::Failed { failure: self.runs.redacted(failure) }),
            Ok(Err(Halt::Cancelled)) => Ok(Outcome::Cancelled),
            Ok(Err(halt @ Halt::Interrupted(_))) => Err(halt),
            Err(panic) => Ok(Outcome::Failed { failure: self.runs.redacted(panicked("the run's handler", &*panic)) }),
        }
    }

    async fn finish(&self, lease: &Lease, outcome: &Outcome) -> Result<(), Halt> {
        let write = self.runs.store().write().await?;
        let now = self.runs.clock().now();
        let done = db::runs::finish(&write, lease.run_id, lease.epoch, outcome, now).await?;
        write.commit().await?;
        if !done {
            return Err(Halt::Interrupted("another worker has taken the run over".to_owned()));
        }
        Ok(())
    }

    fn enter<'a>(&'a self, lease: &'a Lease) -> Entered<'a> {
        if let Some(older) = self.lock().insert(lease.run_id, lease.clone()) {
            // Presumed dead, this worker got its own run again: the older execution must not go on beside this one.
            older.stop(StopCause::LeaseLost);
        }
        Entered { executions: self, lease }
    }

    /// Forgets an execution, unless a newer one of the same run has begun here.
    fn leave(&self, lease: &Lease) {
        let mut active = self.lock();
        if active.get(&lease.run_id).is_some_and(|newest| newest.epoch == lease.epoch) {
            active.remove(&lease.run_id);
        }
        drop(active);
        self.runs.wakes().ended.notify_waiters();
        self.runs.wake();
    }
}

fn failed(message: String) -> Outcome {
    Outcome::Failed { failure: defect(message) }
}
