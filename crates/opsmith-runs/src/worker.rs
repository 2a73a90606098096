use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opsmith_model::RunId;
use opsmith_store::StoreError;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::db::claims::Claimant;
use crate::db::runs::Model;
use crate::engine::Engine;
use crate::execution::Executions;
use crate::lease::StopCause;
use crate::runs::Runs;
use crate::schedule::Tick;
use crate::{Identity, Registry, RunsError, db};

/// For how many rounds of the watch a claim may wait for its execution.
const UNUSED_WATCHES: u32 = 4;
/// The longest wait after a claim that failed.
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// The rhythm of a worker. A dead worker's runs are in the queue again within `dead_after` + `beat`, and go on within
/// `poll` where a worker has room.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How often it gives a sign of life.
    pub beat: Duration,
    /// How long another may be silent before it counts as dead; also how long a run may be held without being executed.
    pub dead_after: Duration,
    /// How often it looks after what it holds: cancels, lost leases, runs that it does not execute.
    pub watch: Duration,
    /// How often it looks for runs that another process queued.
    pub poll: Duration,
}

impl Default for Timing {
    /// Takeover within 12.5 s, cancel seen within 0.5 s.
    fn default() -> Self {
        Self {
            beat: Duration::from_secs(2),
            dead_after: Duration::from_secs(10),
            watch: Duration::from_millis(500),
            poll: Duration::from_millis(250),
        }
    }
}

impl Timing {
    /// The usual rhythm, with another patience with silent workers.
    pub fn taking_over_after(dead_after: Duration) -> Self {
        Self { dead_after, beat: dead_after / 5, ..Self::default() }
    }
}

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How many runs it takes at once.
    pub concurrency: usize,
    /// Its rhythm.
    pub timing: Timing,
}

/// A worker of this process. Dropped without [`Worker::shutdown`] it leaves its runs as a kill would.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    loops: Vec<JoinHandle<()>>,
}

/// What is known of another worker's life. Only changes of its beat are timed, so no two clocks are compared.
struct Seen {
    beat: i64,
    since: Instant,
    /// It is dead, and its ticks are dealt with.
    inherited: bool,
}

impl Seen {
    fn alive(beat: i64) -> Self {
        Self { beat, since: Instant::now(), inherited: false }
    }
}

struct Shared {
    identity: Identity,
    options: WorkerOptions,
    there_for: Option<RunId>,
    runs: Runs,
    engine: Engine,
    executions: Arc<Executions>,
    stopping: CancellationToken,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts a worker: what this identity left behind goes on at once, as far as there is room, then what is queued.
    pub async fn start(
        runs: Runs,
        registry: Registry,
        identity: Identity,
        options: WorkerOptions,
    ) -> Result<Self, RunsError> {
        Self::start_for(None, runs, registry, identity, options).await
    }

    /// The same for a worker that is there for one run: that is taken first and beside its concurrency, and of others
    /// only what had begun and lost its worker.
    pub async fn start_for(
        there_for: Option<RunId>,
        runs: Runs,
        registry: Registry,
        identity: Identity,
        options: WorkerOptions,
    ) -> Result<Self, RunsError> {
        let stopping = CancellationToken::new();
        let executions = Arc::new(Executions::new(identity.id().to_owned(), runs.clone(), registry, stopping.clone()));
        let (of_run, of_tick) = (Arc::clone(&executions), runs.clone());
        let engine = Engine::build(
            runs.journal(),
            &identity,
            move |journal, run| Arc::clone(&of_run).execute(journal, run),
            move |_, tick| start_tick_in_journal(of_tick.clone(), tick),
        )
        .await?;
        let me = [identity.id().to_owned()];
        let write = runs.store().write().await?;
        db::workers::register(&write, &identity, options.concurrency, runs.clock().now()).await?;
        db::claims::put_back_all(&write, &me).await?;
        write.commit().await?;
        let shared = Arc::new(Shared { identity, options, there_for, runs, engine, executions, stopping });
        shared.end_ticks(&me).await?;
        shared.engine.launch().await?;
        let loops = vec![
            tokio::spawn(Arc::clone(&shared).claim_loop()),
            tokio::spawn(Arc::clone(&shared).watch_loop()),
            tokio::spawn(Arc::clone(&shared).beat_loop()),
        ];
        Ok(Self { shared, loops })
    }

    /// This worker's id.
    pub fn id(&self) -> &str {
        self.shared.identity.id()
    }

    /// Ends in good order: running steps stop, and their runs are free for another worker at once.
    pub async fn shutdown(self, limit: Duration) {
        self.shared.stopping.cancel();
        for lease in self.shared.executions.active() {
            lease.stop(StopCause::ShuttingDown);
        }
        for task in self.loops {
            task.abort();
        }
        if let Err(error) = self.shared.engine.shutdown(limit).await {
            tracing::warn!(%error, "the journal did not stop in time");
        }
        if let Err(error) = self.shared.say_stopped().await {
            tracing::warn!(%error, "failed to record that this worker has stopped");
        }
    }
}

/// Starts the run of one moment of a schedule; however often, it is one.
async fn start_tick(runs: &Runs, tick: &Tick) -> Result<(), RunsError> {
    if let Some(run) = tick.run() {
        runs.start(&run).await?;
    }
    Ok(())
}

async fn start_tick_in_journal(runs: Runs, tick: Tick) -> durare::Result<Value> {
    let started = start_tick(&runs, &tick).await;
    started.map_err(|error| crate::context::interruption(error.to_string()))?;
    Ok(Value::Null)
}

impl Shared {
    /// Records the end of this worker, and leaves what it holds to the others.
    async fn say_stopped(&self) -> Result<(), RunsError> {
        let me = self.identity.id();
        let write = self.runs.store().write().await?;
        db::workers::stop(&write, me, self.runs.clock().now()).await?;
        db::claims::put_back_all(&write, &[me.to_owned()]).await?;
        Ok(write.commit().await?)
    }

    /// Starts the runs of those moments that these workers, which are dead, began to handle.
    async fn end_ticks(&self, workers: &[String]) -> Result<(), RunsError> {
        for (id, tick) in self.engine.unfinished_ticks(workers).await? {
            start_tick(&self.runs, &tick).await?;
            self.engine.end_tick(&id).await?;
        }
        Ok(())
    }

    async fn claim_loop(self: Arc<Self>) {
        let poll = self.options.timing.poll;
        let mut pause = poll;
        loop {
            let woken = self.runs.wakes().queue.notified();
            if let Err(error) = self.claim().await {
                tracing::warn!(?error, "failed to claim runs");
                // What cannot be begun is not tried without end.
                pause = (pause * 2).min(MOST_PAUSE);
                tokio::time::sleep(pause).await;
                continue;
            }
            pause = poll;
            // Either way the next round looks again.
            let _ = timeout(poll, woken).await;
        }
    }

    async fn claim(&self) -> Result<(), RunsError> {
        let (store, now, kinds) = (self.runs.store(), self.runs.clock().now(), self.executions.kinds());
        let claimant = Claimant {
            worker_id: self.identity.id(),
            kinds: &kinds,
            concurrency: self.options.concurrency,
            there_for: self.there_for,
        };
        if !claimant.may_claim(store.read(), now).await? {
            return Ok(());
        }
        let write = store.write().await?;
        let claimed = db::claims::claim(&write, claimant, now).await?;
        write.commit().await?;
        let mut outcome = Ok(());
        for row in claimed {
            if let Err(error) = self.begin(row).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Begins a run that was just claimed, or puts it back. Where neither can be done, and where nobody takes it up
    /// since the journal knew it already, the watch loop finds its claim unused.
    async fn begin(&self, row: Model) -> Result<(), RunsError> {
        let run_id = row.id.parse().map_err(|_| StoreError::unreadable("runs.id"))?;
        self.executions.expect(run_id, row.clone());
        let begun = self.engine.begin(run_id).await;
        if begun.is_err() {
            let unused = self.executions.forget(run_id);
            if let Err(error) = self.put_back(&row, unused).await {
                if unused {
                    self.executions.expect(run_id, row);
                    self.executions.was_begun(run_id);
                }
                return Err(error);
            }
        }
        self.executions.was_begun(run_id);
        begun
    }

    async fn put_back(&self, claimed: &Model, unused: bool) -> Result<(), RunsError> {
        let write = self.runs.store().write().await?;
        db::claims::put_back(&write, claimed, self.identity.id(), unused).await?;
        Ok(write.commit().await?)
    }

    /// Tells what runs here that it was cancelled or taken over, and begins what should run here and does not.
    async fn watch_loop(self: Arc<Self>) {
        let mut unexecuted = HashMap::new();
        loop {
            let woken = self.runs.wakes().cancel.notified();
            // Either way the next round looks again.
            let _ = timeout(self.options.timing.watch, woken).await;
            if let Err(error) = self.watch(&mut unexecuted).await {
                tracing::warn!(%error, "failed to look after the running runs");
            }
        }
    }

    async fn watch(&self, unexecuted: &mut HashMap<RunId, Instant>) -> Result<(), RunsError> {
        let active = self.executions.active();
        let me = [self.identity.id().to_owned()];
        let held = db::claims::held_by(self.runs.store().read(), &me).await?;
        for lease in active {
            match held.iter().find(|held| held.id == lease.run_id && held.epoch == lease.epoch) {
                Some(held) if held.cancel_requested => lease.stop(StopCause::Cancelled),
                Some(_) => {}
                // A look into the database tells an ended run from a lost one.
                None => drop(lease.check().await),
            }
        }
        let idle: Vec<RunId> = held.iter().map(|held| held.id).filter(|id| !self.executions.has(*id)).collect();
        unexecuted.retain(|id, _| idle.contains(id));
        for id in idle {
            let timing = &self.options.timing;
            // One whose claim is unused is about to begin; any other waits for its next try after an interruption.
            let patience =
                if self.executions.has_unused_claim(id) { timing.watch * UNUSED_WATCHES } else { timing.dead_after };
            if unexecuted.entry(id).or_insert_with(Instant::now).elapsed() < patience {
                continue;
            }
            tracing::warn!(run.id = %id, "the run is held here and not executed: it is begun again");
            unexecuted.remove(&id);
            // One that cannot be begun now must not keep the others from it.
            if let Err(error) = self.engine.begin(id).await {
                tracing::warn!(run.id = %id, ?error, "failed to begin the run");
            }
        }
        Ok(())
    }

    /// Gives signs of life and puts back what dead workers hold.
    async fn beat_loop(self: Arc<Self>) {
        let mut seen = HashMap::new();
        loop {
            if let Err(error) = self.beat(&mut seen).await {
                tracing::warn!(%error, "failed to give a sign of life");
            }
            tokio::time::sleep(self.options.timing.beat).await;
        }
    }

    async fn beat(&self, seen: &mut HashMap<String, Seen>) -> Result<(), RunsError> {
        let write = self.runs.store().write().await?;
        db::workers::beat(&write, self.identity.id(), self.runs.clock().now()).await?;
        write.commit().await?;
        let (mut dead, mut newly) = (Vec::new(), Vec::new());
        for (id, beat, stopped) in db::workers::others(self.runs.store().read(), self.identity.id()).await? {
            let last = seen.entry(id.clone()).or_insert_with(|| Seen::alive(beat));
            if last.beat != beat {
                *last = Seen::alive(beat);
            }
            if stopped || last.since.elapsed() >= self.options.timing.dead_after {
                if !last.inherited {
                    newly.push(id.clone());
                }
                dead.push(id);
            }
        }
        self.inherit_runs(&dead, seen).await?;
        if !newly.is_empty() {
            self.end_ticks(&newly).await?;
            for id in newly {
                seen.entry(id).and_modify(|last| last.inherited = true);
            }
        }
        Ok(())
    }

    /// Puts what these workers, which are dead, hold back into the queue, for whoever has room.
    async fn inherit_runs(&self, dead: &[String], seen: &HashMap<String, Seen>) -> Result<(), RunsError> {
        if dead.is_empty() || db::claims::held_by(self.runs.store().read(), dead).await?.is_empty() {
            return Ok(());
        }
        let write = self.runs.store().write().await?;
        write.take_turns(db::claims::TURN).await?;
        // One that has come back meanwhile has claimed its runs anew, or is about to.
        let still_dead: Vec<String> = db::workers::others(&*write, self.identity.id())
            .await?
            .into_iter()
            .filter(|(id, beat, _)| dead.contains(id) && seen.get(id).is_some_and(|last| last.beat == *beat))
            .map(|(id, ..)| id)
            .collect();
        let runs = db::claims::put_back_all(&write, &still_dead).await?;
        write.commit().await?;
        tracing::info!(runs, workers = ?dead, "the runs of dead workers are in the queue again");
        self.runs.wake();
        Ok(())
    }
}
