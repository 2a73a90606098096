use std::sync::Arc;
use std::time::Duration;

use opsmith_guard::secrets::Redactor;
use opsmith_model::{Clock, RunId};
use opsmith_store::{Page, Store, Write};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::journal::Journal;
use crate::schedule::Schedule;
use crate::{NewRun, Run, RunFilter, RunState, RunsError, StepFailure, StepRecord, WorkerRow, db};

/// How often a waiter looks for what another process changed.
const WAIT_POLL: Duration = Duration::from_millis(250);

/// Starting, watching and stopping runs; cheap to clone. Needs no worker in this process.
#[derive(Clone, Debug)]
pub struct Runs {
    store: Store,
    clock: Clock,
    journal: Journal,
    wakes: Arc<Wakes>,
    redactor: Option<Redactor>,
}

/// What happens in this process wakes its waiters at once; what happens elsewhere they find by looking.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    /// A run was queued, or a worker has room again.
    pub(crate) queue: Notify,
    /// A run is to be cancelled.
    pub(crate) cancel: Notify,
    /// A signal was left.
    pub(crate) signal: Notify,
    /// A run has ended.
    pub(crate) ended: Notify,
}

impl Runs {
    /// Opens the runs of `store`, whose tables are up to date, and their journal.
    pub async fn open(store: Store, clock: Clock) -> Result<Self, RunsError> {
        let journal = Journal::open(store.url()).await?;
        Ok(Self { store, clock, journal, wakes: Arc::default(), redactor: None })
    }

    /// The same runs; secrets are taken out of the words of failures before they are recorded.
    pub fn redacting(self, redactor: Redactor) -> Self {
        Self { redactor: Some(redactor), ..self }
    }

    /// A failure as it is recorded.
    pub(crate) fn redacted(&self, failure: StepFailure) -> StepFailure {
        let Some(redactor) = &self.redactor else { return failure };
        let redact = |text: String| redactor.redact(&text).into_owned();
        StepFailure { message: redact(failure.message), hint: failure.hint.map(redact), ..failure }
    }

    /// Queues a run.
    pub async fn start(&self, new: &NewRun) -> Result<RunId, RunsError> {
        let write = self.store.write().await?;
        let id = self.start_in(&write, new).await?;
        write.commit().await?;
        self.wake();
        Ok(id)
    }

    /// Queues a run in a product's own transaction; call [`Runs::wake`] after its commit.
    pub async fn start_in(&self, write: &Write, new: &NewRun) -> Result<RunId, RunsError> {
        let now = self.clock.now();
        Ok(db::runs::insert(write, RunId::new(now), new, None, now).await?)
    }

    /// Tells this process's worker and waiters to look now at what was queued or cancelled.
    pub fn wake(&self) {
        self.wakes.queue.notify_one();
        self.wakes.cancel.notify_one();
        self.wakes.ended.notify_waiters();
    }

    /// Has a run stop: one that never began ends at once, one that runs within two seconds ends what it started. One
    /// that lost its worker ends when the next one has it, so that its handler tidies up.
    pub async fn cancel(&self, id: RunId) -> Result<(), RunsError> {
        let write = self.store.write().await?;
        let marked = db::runs::request_cancel(&write, id, self.clock.now()).await?;
        write.commit().await?;
        self.wakes.cancel.notify_one();
        self.wakes.ended.notify_waiters();
        if marked {
            return Ok(());
        }
        self.show(id).await?;
        Err(RunsError::Ended(id))
    }

    /// Has a run stop in a product's own transaction; call [`Runs::wake`] after its commit. False where it has ended.
    pub async fn cancel_in(&self, write: &Write, id: RunId) -> Result<bool, RunsError> {
        Ok(db::runs::request_cancel(write, id, self.clock.now()).await?)
    }

    /// Leaves a signal for a run that waits, or will wait, on `topic`.
    pub async fn signal(&self, id: RunId, topic: &str, payload: &Value) -> Result<(), RunsError> {
        if matches!(self.show(id).await?.state, RunState::Finished { .. }) {
            return Err(RunsError::Ended(id));
        }
        let write = self.store.write().await?;
        let signal_id = RunId::new(self.clock.now()).to_string();
        db::signals::insert(&write, &signal_id, id, topic, payload).await?;
        write.commit().await?;
        self.wakes.signal.notify_waiters();
        Ok(())
    }

    /// Starts an ended run's work again, as a run of its own.
    pub async fn retry(&self, id: RunId) -> Result<RunId, RunsError> {
        let run = self.show(id).await?;
        if !matches!(run.state, RunState::Finished { .. }) {
            return Err(RunsError::NotEnded(id));
        }
        let mut new = NewRun::new(&run.kind, run.label, run.input, run.requested_by);
        new.priority = run.priority;
        new.concurrency = run.concurrency;
        let now = self.clock.now();
        let write = self.store.write().await?;
        let again = db::runs::insert(&write, RunId::new(now), &new, Some(id), now).await?;
        write.commit().await?;
        self.wake();
        Ok(again)
    }

    /// One run.
    pub async fn show(&self, id: RunId) -> Result<Run, RunsError> {
        db::runs::find(self.store.read(), id).await?.ok_or(RunsError::NoSuchRun(id))
    }

    /// A page of runs, newest first, and how many there are.
    pub async fn list(&self, filter: &RunFilter, page: Page) -> Result<(Vec<Run>, u64), RunsError> {
        Ok(db::runs::list(self.store.read(), filter, page).await?)
    }

    /// The finished steps of a run, in order.
    pub async fn steps(&self, id: RunId) -> Result<Vec<StepRecord>, RunsError> {
        self.journal.steps(id).await
    }

    /// Waits until a run has ended.
    pub async fn wait(&self, id: RunId) -> Result<Run, RunsError> {
        loop {
            let ended = self.wakes.ended.notified();
            let run = self.show(id).await?;
            if matches!(run.state, RunState::Finished { .. }) {
                return Ok(run);
            }
            // Either way the next round looks again.
            let _ = timeout(WAIT_POLL, ended).await;
        }
    }

    /// Sets a schedule; one of the same name is replaced.
    pub async fn set_schedule(&self, schedule: &Schedule) -> Result<(), RunsError> {
        let bad = |source| RunsError::BadSchedule { cron: schedule.cron.clone(), source };
        self.journal.client().apply_schedules(vec![schedule.apply()?]).await.map_err(bad)
    }

    /// Removes a schedule; false where there is none of that name.
    pub async fn remove_schedule(&self, name: &str) -> Result<bool, RunsError> {
        self.journal.client().delete_schedule(name).await.map_err(RunsError::Journal)
    }

    /// All schedules.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, RunsError> {
        let stored = self.journal.client().list_schedules(&durare::ScheduleFilter::default()).await;
        Ok(stored.map_err(RunsError::Journal)?.iter().filter_map(Schedule::read).collect())
    }

    /// Every worker that was ever seen, with what it holds.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>, RunsError> {
        Ok(db::workers::list(self.store.read()).await?)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn wakes(&self) -> &Arc<Wakes> {
        &self.wakes
    }

    /// Resolves when a signal is left in this process.
    pub(crate) fn signalled(&self) -> impl Future<Output = ()> + '_ {
        self.wakes.signal.notified()
    }
}
