use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use durare::{DurableEngine, WorkflowOptions};
use opsmith_model::RunId;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::execution::Executions;
use crate::journal::{EXECUTE, RunRef};
use crate::lease::StopCause;
use crate::runs::Runs;
use crate::schedule::Tick;
use crate::{Identity, Registry, RunsError, db};

/// The rhythm of a worker. A dead worker's runs are taken over within `dead_after` + `beat` + `watch`.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How often it gives a sign of life.
    pub beat: Duration,
    /// How long another may be silent before it counts as dead.
    pub dead_after: Duration,
    /// How often it looks for cancels and lost leases of what it runs.
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

struct Shared {
    identity: Identity,
    options: WorkerOptions,
    runs: Runs,
    engine: DurableEngine,
    executions: Arc<Executions>,
    stopping: CancellationToken,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts a worker: it takes up at once what this identity left behind, then claims what is queued.
    pub async fn start(
        runs: Runs,
        registry: Registry,
        identity: Identity,
        options: WorkerOptions,
    ) -> Result<Self, RunsError> {
        let executions = Arc::new(Executions::new(identity.id().to_owned(), runs.clone(), registry));
        let (of_run, of_tick) = (Arc::clone(&executions), runs.clone());
        let engine = runs
            .journal()
            .engine(
                &identity,
                move |journal, run| Arc::clone(&of_run).execute(journal, run),
                move |_, tick| start_tick(of_tick.clone(), tick),
            )
            .await?;
        let write = runs.store().write().await?;
        db::workers::register(&write, &identity, options.concurrency, runs.clock().now()).await?;
        write.commit().await?;
        engine.launch().await.map_err(RunsError::Journal)?;
        let shared =
            Arc::new(Shared { identity, options, runs, engine, executions, stopping: CancellationToken::new() });
        shared.take_up(&[shared.identity.id().to_owned()]).await?;
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

/// Starts the run of one moment of a schedule.
async fn start_tick(runs: Runs, tick: Tick) -> durare::Result<Value> {
    if let Some(run) = tick.run() {
        runs.start(&run).await.map_err(|error| crate::context::interruption(error.to_string()))?;
    }
    Ok(Value::Null)
}

impl Shared {
    async fn say_stopped(&self) -> Result<(), RunsError> {
        let write = self.runs.store().write().await?;
        db::workers::stop(&write, self.identity.id(), self.runs.clock().now()).await?;
        Ok(write.commit().await?)
    }

    /// Goes on with everything that these workers, which are dead or this one's former self, left unfinished.
    async fn take_up(&self, workers: &[String]) -> Result<(), RunsError> {
        let recovered = self.engine.recover_pending_for(workers).await.map_err(RunsError::Journal)?;
        for held in db::claims::held_by(self.runs.store().read(), workers).await? {
            if self.executions.has(held.id) || recovered.contains(&held.id.to_string()) {
                continue;
            }
            // Claimed, but killed before the journal knew of it.
            let write = self.runs.store().write().await?;
            let mine = db::claims::reassign(&write, &held, workers, self.identity.id()).await?;
            write.commit().await?;
            if mine {
                self.begin(held.id, workers).await?;
            }
        }
        Ok(())
    }

    /// Begins a claimed run, which nobody but one of `owners` can have begun before.
    async fn begin(&self, run_id: RunId, owners: &[String]) -> Result<(), RunsError> {
        let id = run_id.to_string();
        match self.engine.retrieve_workflow::<Value>(&id).await {
            Err(durare::Error::UnknownWorkflow(_)) => {
                let options = WorkflowOptions::with_id(id);
                let started = self.engine.start::<_, Value>(EXECUTE, RunRef { run_id }, options).await;
                started.map(drop).map_err(RunsError::Journal)
            }
            Ok(known) => {
                let status = known.get_status().await.map_err(RunsError::Journal)?;
                if status.status == durare::STATUS_PENDING && !owners.contains(&status.executor_id) {
                    // Another taker was sooner, and is about to take the lease.
                    return Ok(());
                }
                self.engine.resume_workflow::<Value>(&id).await.map(drop).map_err(RunsError::Journal)
            }
            Err(error) => Err(RunsError::Journal(error)),
        }
    }

    async fn claim_loop(self: Arc<Self>) {
        loop {
            let woken = self.runs.wakes().queue.notified();
            if let Err(error) = self.claim().await {
                tracing::warn!(?error, "failed to claim runs");
            }
            // Either way the next round looks again.
            let _ = timeout(self.options.timing.poll, woken).await;
        }
    }

    async fn claim(&self) -> Result<(), RunsError> {
        let (me, store, now) = (self.identity.id(), self.runs.store(), self.runs.clock().now());
        let (kinds, concurrency) = (self.executions.kinds(), self.options.concurrency);
        if !db::claims::any_due(store.read(), &kinds, now).await?
            || db::claims::count_held(store.read(), me).await? >= concurrency
        {
            return Ok(());
        }
        let write = store.write().await?;
        let claimed = db::claims::claim(&write, me, &kinds, concurrency, now).await?;
        write.commit().await?;
        let mut outcome = Ok(());
        for id in claimed {
            if let Err(error) = self.begin(id, &[me.to_owned()]).await {
                let write = store.write().await?;
                db::claims::release(&write, id, me).await?;
                write.commit().await?;
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Tells what runs here that it was cancelled or taken over.
    async fn watch_loop(self: Arc<Self>) {
        loop {
            let woken = self.runs.wakes().cancel.notified();
            // Either way the next round looks again.
            let _ = timeout(self.options.timing.watch, woken).await;
            if let Err(error) = self.watch().await {
                tracing::warn!(%error, "failed to look after the running runs");
            }
        }
    }

    async fn watch(&self) -> Result<(), RunsError> {
        let active = self.executions.active();
        if active.is_empty() {
            return Ok(());
        }
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
        Ok(())
    }

    /// Gives signs of life and takes over from workers that give none.
    async fn beat_loop(self: Arc<Self>) {
        let mut seen: HashMap<String, (i64, Instant)> = HashMap::new();
        loop {
            if let Err(error) = self.beat(&mut seen).await {
                tracing::warn!(%error, "failed to give a sign of life");
            }
            tokio::time::sleep(self.options.timing.beat).await;
        }
    }

    async fn beat(&self, seen: &mut HashMap<String, (i64, Instant)>) -> Result<(), RunsError> {
        let write = self.runs.store().write().await?;
        db::workers::beat(&write, self.identity.id(), self.runs.clock().now()).await?;
        write.commit().await?;
        let mut dead = Vec::new();
        for (id, beat, stopped) in db::workers::others(self.runs.store().read(), self.identity.id()).await? {
            let (last, since) = seen.entry(id.clone()).or_insert((beat, Instant::now()));
            if *last != beat {
                (*last, *since) = (beat, Instant::now());
            }
            if stopped || since.elapsed() >= self.options.timing.dead_after {
                dead.push(id);
            }
        }
        let left =
            if dead.is_empty() { Vec::new() } else { db::claims::held_by(self.runs.store().read(), &dead).await? };
        if !left.is_empty() {
            tracing::info!(runs = left.len(), workers = ?dead, "taking over from dead workers");
            self.take_up(&dead).await?;
        }
        Ok(())
    }
}
