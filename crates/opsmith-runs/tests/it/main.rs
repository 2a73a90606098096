//! Runs on both databases: a killed process is a runtime that is dropped with everything in it.
#![allow(clippy::unwrap_used)]

mod claiming;
mod queues;
mod recovery;
mod room;
mod scheduling;
mod stopping;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeZone, Utc};
use opsmith_model::{Clock, Principal, RunId};
use opsmith_runs::{Halt, Identity, NewRun, Registry, RunContext, Runs, Timing, Worker, WorkerOptions};
use opsmith_store::Dialect;
use serde_json::{Value, json};
use testkit::TestStore;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};

/// A quick rhythm, so that a story of death and takeover lasts a second.
const QUICK: Timing = Timing {
    beat: Duration::from_millis(100),
    dead_after: Duration::from_millis(600),
    watch: Duration::from_millis(50),
    poll: Duration::from_millis(20),
};

/// What the handlers of a test did, and the gates at which they wait.
#[derive(Clone)]
struct Stage {
    log: Arc<Mutex<Vec<String>>>,
    changed: watch::Sender<usize>,
    gate: Arc<Notify>,
}

impl Stage {
    fn new() -> Self {
        Self { log: Arc::default(), changed: watch::channel(0).0, gate: Arc::default() }
    }

    fn say(&self, words: impl Into<String>) {
        let mut log = self.log.lock().unwrap();
        log.push(words.into());
        self.changed.send_replace(log.len());
    }

    fn said(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn count(&self, words: &str) -> usize {
        self.said().iter().filter(|said| *said == words).count()
    }

    /// Waits until the handlers have said it so often.
    async fn heard(&self, words: &str, times: usize) {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while self.count(words) < times {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .unwrap_or_else(|_| panic!("never heard `{words}` {times} times: {:?}", self.said()));
    }
}

/// A worker in a runtime of its own; dropping it is a kill.
struct Process {
    worker: Option<Worker>,
    runtime: Option<Runtime>,
}

impl Process {
    async fn start(store: &TestStore, data_dir: &str, registry: Registry, concurrency: usize) -> Self {
        Self::start_for(None, store, data_dir, registry, concurrency).await
    }

    async fn start_for(
        there_for: Option<RunId>,
        store: &TestStore,
        data_dir: &str,
        registry: Registry,
        concurrency: usize,
    ) -> Self {
        let options = WorkerOptions { concurrency, timing: QUICK };
        Self::start_with(there_for, store, data_dir, registry, options).await
    }

    async fn start_with(
        there_for: Option<RunId>,
        store: &TestStore,
        data_dir: &str,
        registry: Registry,
        options: WorkerOptions,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (url, data_dir) = (store.url().clone(), store.folder().join(data_dir));
        let started = runtime.spawn(async move {
            let store = opsmith_store::Store::open(url).await.unwrap();
            let runs = Runs::open(store, Clock::system()).await.unwrap();
            let identity = Identity::lock(&data_dir, Some("w"), &Clock::system()).unwrap();
            Worker::start_for(there_for, runs, registry, identity, options).await.unwrap()
        });
        Self { worker: Some(started.await.unwrap()), runtime: Some(runtime) }
    }

    /// The worker's id.
    fn id(&self) -> &str {
        self.worker.as_ref().unwrap().id()
    }

    /// Ends it in good order.
    async fn stop(mut self) {
        let (worker, runtime) = (self.worker.take().unwrap(), self.runtime.take().unwrap());
        runtime.spawn(worker.shutdown(Duration::from_secs(5))).await.unwrap();
        runtime.shutdown_background();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn open(store: &TestStore) -> Runs {
    store.migrate(&[opsmith_runs::migrations]).await.unwrap();
    Runs::open(store.reopen().await, Clock::system()).await.unwrap()
}

fn new_run(kind: &str, input: Value) -> NewRun {
    NewRun::new(kind, kind, input, Principal::user("ada"))
}

/// Two steps with a gate between them: `first`, then `second` once the gate opens.
fn two_steps(stage: &Stage) -> Registry {
    let stage = stage.clone();
    let mut registry = Registry::new();
    registry.register("two", move |run: RunContext, name: String| {
        let stage = stage.clone();
        async move {
            let (said, label) = (stage.clone(), name.clone());
            run.step("first", |_| async move {
                said.say(format!("{label}: first"));
                Ok(())
            })
            .await?;
            run.step("second", |scope| async move {
                stage.say(format!("{name}: waiting"));
                let token = scope.token();
                tokio::select! {
                    () = stage.gate.notified() => {}
                    () = token.cancelled() => {
                        stage.say(format!("{name}: stopped"));
                        return Err(scope.stopped());
                    }
                }
                scope.check_lease().await?;
                stage.say(format!("{name}: second"));
                Ok::<_, Halt>(json!(name))
            })
            .await
        }
    });
    registry
}

/// A table of the journal by its whole name.
fn in_journal(store: &TestStore, table: &str) -> String {
    match store.url().dialect() {
        Dialect::Sqlite => table.to_owned(),
        Dialect::Postgres => format!("opsmith_journal.{table}"),
    }
}

fn some_time() -> chrono::DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

fn no_such_run() -> RunId {
    RunId::new(some_time())
}
