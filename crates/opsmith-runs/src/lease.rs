use std::sync::{Arc, Mutex, PoisonError};

use opsmith_model::RunId;
use opsmith_store::{Store, Write};
use tokio_util::sync::CancellationToken;

use crate::{Halt, db};

/// Why an execution must stop; a later one outranks those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopCause {
    /// Somebody cancelled the run.
    Cancelled,
    /// This process ends; the run goes on after it.
    ShuttingDown,
    /// Another worker has taken it over.
    LeaseLost,
}

/// One execution's hold on its run: an epoch in the database, and a token that fires when it has to stop.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) run_id: RunId,
    pub(crate) epoch: i64,
    store: Store,
    token: CancellationToken,
    cause: Arc<Mutex<Option<StopCause>>>,
}

impl Lease {
    pub(crate) fn new(run_id: RunId, epoch: i64, store: Store) -> Self {
        Self { run_id, epoch, store, token: CancellationToken::new(), cause: Arc::default() }
    }

    /// Has the execution stop.
    pub(crate) fn stop(&self, cause: StopCause) {
        let mut strongest = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        *strongest = (*strongest).max(Some(cause));
        drop(strongest);
        self.token.cancel();
    }

    /// Fires when the execution has to stop, for whatever cause.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// What a step that was stopped answers with; `None` where nothing stopped it.
    pub(crate) fn halt(&self) -> Option<Halt> {
        let cause = *self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.map(|cause| match cause {
            StopCause::Cancelled => Halt::Cancelled,
            StopCause::LeaseLost => Halt::Interrupted("another worker has taken the run over".to_owned()),
            StopCause::ShuttingDown => Halt::Interrupted("this process shuts down".to_owned()),
        })
    }

    /// The same inside a transaction, whose commit no newer epoch can overtake.
    pub(crate) async fn hold(&self, write: &Write) -> Result<(), Halt> {
        if db::claims::lock(write, self.run_id, self.epoch).await? {
            return Ok(());
        }
        self.stop(StopCause::LeaseLost);
        Err(Halt::Interrupted("another worker has taken the run over".to_owned()))
    }

    /// Looks into the database: is this still the run's epoch?
    pub(crate) async fn check(&self) -> Result<(), Halt> {
        if db::claims::holds(self.store.read(), self.run_id, self.epoch).await? {
            return Ok(());
        }
        self.stop(StopCause::LeaseLost);
        Err(Halt::Interrupted("another worker has taken the run over".to_owned()))
    }
}
