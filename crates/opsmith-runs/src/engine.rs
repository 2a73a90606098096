use std::sync::Arc;
use std::time::Duration;

use durare::{
    DurableContext, DurableEngine, Error as JournalError, ListFilter, RecoveryClaim, RecoveryClaimRequest,
    STATUS_PENDING, STATUS_SUCCESS, StateProvider, WorkflowOptions, WorkflowStatus,
};
use opsmith_model::RunId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{JOURNAL_VERSION, Journal};
use crate::schedule::{TICK, Tick};
use crate::{Identity, RunsError};

/// The epoch of a lease limits how often a run is taken up again; the journal need not.
const UNLIMITED: i32 = i32::MAX - 1;
const EXECUTE: &str = "opsmith.execute";
/// Each try is lost to somebody else who changed the same entry meanwhile.
const MOST_TRIES: usize = 5;

/// A run's reference in the journal; its input is in our table.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct RunRef {
    pub(crate) run_id: RunId,
}

/// What executes on top of the journal. Who may execute a run is said by our tables alone: they are asked first.
pub(crate) struct Engine {
    durable: DurableEngine,
    provider: Arc<dyn StateProvider>,
    worker_id: String,
}

impl Engine {
    /// An engine of this identity; what to do with a run and with a tick is the caller's.
    pub(crate) async fn build<E, EF, T, TF>(
        journal: &Journal,
        identity: &Identity,
        execute: E,
        tick: T,
    ) -> Result<Self, RunsError>
    where
        E: Fn(DurableContext, RunRef) -> EF + Send + Sync + 'static,
        EF: Future<Output = durare::Result<Value>> + Send + 'static,
        T: Fn(DurableContext, Tick) -> TF + Send + Sync + 'static,
        TF: Future<Output = durare::Result<Value>> + Send + 'static,
    {
        let provider = Arc::clone(journal.provider());
        let mut builder = DurableEngine::builder(Arc::clone(&provider));
        builder.app_version(JOURNAL_VERSION).executor_id(identity.id()).max_recovery_attempts(UNLIMITED);
        builder.register(EXECUTE, execute).register(TICK, tick);
        let durable = builder.build().await.map_err(RunsError::Journal)?;
        Ok(Self { durable, provider, worker_id: identity.id().to_owned() })
    }

    /// Begins to handle schedules and to let runs be begun.
    pub(crate) async fn launch(&self) -> Result<(), RunsError> {
        self.durable.launch().await.map_err(RunsError::Journal)
    }

    /// Waits for the end of what executes, for at most `limit`.
    pub(crate) async fn shutdown(&self, limit: Duration) -> Result<(), RunsError> {
        self.durable.shutdown(limit).await.map_err(RunsError::Journal)
    }

    /// Executes a run that this worker holds, from wherever its journal stands and whatever the journal says of it.
    pub(crate) async fn begin(&self, run_id: RunId) -> Result<(), RunsError> {
        self.try_begin(run_id).await.map_err(RunsError::Journal)
    }

    async fn try_begin(&self, run_id: RunId) -> durare::Result<()> {
        let id = run_id.to_string();
        for _ in 0..MOST_TRIES {
            let Some(known) = self.provider.get_workflow_status(&id).await? else {
                let started = self.durable.start::<_, Value>(EXECUTE, RunRef { run_id }, WorkflowOptions::with_id(id));
                return started.await.map(drop);
            };
            if known.status != STATUS_PENDING {
                // Our row has not ended, so the journal's end was none. Its steps stay, and answer again.
                self.provider.set_workflow_status(&id, STATUS_PENDING, None, None).await?;
            }
            if self.adopt(&known).await? {
                return Ok(());
            }
        }
        Err(JournalError::app(format!("the journal of run `{id}` is changed by somebody else all the time")))
    }

    /// Executes a known run here, whoever did before; false where somebody else was sooner.
    async fn adopt(&self, known: &WorkflowStatus) -> durare::Result<bool> {
        // The library goes on with everything of an executor: one of a name of its own has this run alone.
        let alone = format!("{}/{}", self.worker_id, known.id);
        let claim = RecoveryClaimRequest {
            workflow_id: &known.id,
            expected_executor: &known.executor_id,
            expected_attempts: known.recovery_attempts,
            new_executor: &alone,
            max_attempts: UNLIMITED,
            requeue: false,
        };
        if self.provider.claim_for_recovery(&claim).await? == RecoveryClaim::Lost {
            return Ok(false);
        }
        Ok(self.durable.recover_pending_for(&[alone]).await?.contains(&known.id))
    }

    /// The moments of schedules that these workers began to handle and did not end, by their id in the journal.
    pub(crate) async fn unfinished_ticks(&self, workers: &[String]) -> Result<Vec<(String, Tick)>, RunsError> {
        let filter = ListFilter {
            name: vec![TICK.to_owned()],
            status: vec![STATUS_PENDING.to_owned()],
            executor_ids: workers.to_vec(),
            ..ListFilter::default()
        };
        let pending = self.provider.list_workflows(&filter).await.map_err(RunsError::Journal)?;
        Ok(pending.into_iter().filter_map(|tick| Some((tick.id, serde_json::from_value(tick.input).ok()?))).collect())
    }

    /// Records that a tick has started its run.
    pub(crate) async fn end_tick(&self, id: &str) -> Result<(), RunsError> {
        let ended = self.provider.set_workflow_status(id, STATUS_SUCCESS, Some(&Value::Null), None).await;
        ended.map(drop).map_err(RunsError::Journal)
    }
}
