//! Durable runs of one step: how many in a second, and how soon an idle worker begins one.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use opsmith_model::{Clock, Principal};
use opsmith_runs::{Halt, Identity, NewRun, Registry, RunContext, RunFilter, Runs, Timing, Worker, WorkerOptions};
use opsmith_store::{Page, Store, StoreUrl};
use serde_json::Value;
use testkit::Postgres;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::report::{Row, Section};
use crate::samples::Samples;

const RUNS: u64 = 2_000;
const STARTS: usize = 100;
const CONCURRENCY: usize = 8;
const KIND: &str = "bench.step";
const STOP_LIMIT: Duration = Duration::from_secs(10);

pub(super) async fn on_sqlite() -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let url = StoreUrl::sqlite_file(&folder.path().join("opsmith.db"));
    let how = "The embedded file: our tables with `synchronous = FULL`, the journal with `NORMAL`.";
    measure(url, folder.path(), how).await
}

pub(super) async fn on_postgres() -> Result<Section> {
    let Some(server) = tokio::task::spawn_blocking(Postgres::shared).await? else {
        let row = Row::skipped("all of it", "no PostgreSQL server is installed");
        return Ok(Section { how: String::new(), rows: vec![row], breakdown: None });
    };
    let folder = tempfile::tempdir()?;
    let how = "The tests' own server on loopback, which runs with `fsync = off`: these figures are without the \
               disk's part of a commit.";
    measure(server.create_database().await, folder.path(), how).await
}

async fn measure(url: StoreUrl, folder: &Path, how: &str) -> Result<Section> {
    let store = Store::open(url).await?;
    store.migrate(&[opsmith_runs::migrations]).await?;
    let runs = Runs::open(store.clone(), Clock::system()).await?;
    let (begins, mut begun) = unbounded_channel();
    let identity = Identity::lock(folder, Some("bench"), &Clock::system())?;
    let options = WorkerOptions { concurrency: CONCURRENCY, timing: Timing::default() };
    let worker = Worker::start(runs.clone(), registry(begins), identity, options).await?;
    let idle = idle_starts(&runs, &mut begun).await?;
    let (queued, took) = many(&store, &runs).await?;
    worker.shutdown(STOP_LIMIT).await;
    store.close().await?;
    let rate = |time: Duration| format!("{:.0}/s", RUNS as f64 / time.as_secs_f64());
    let rows = vec![
        Row::plain(format!("{RUNS} runs of one step, {CONCURRENCY} at once"), rate(took)),
        Row::plain("queueing them in one transaction", rate(queued)),
        Row::plain(format!("start to the handler's begin on an idle worker, {STARTS} times"), idle.to_string()),
    ];
    let how = format!(
        "{how} The rate is from the commit of the whole queue to the end of its last run, with an empty step: claim, \
         lease, journal and outcome are all there is."
    );
    Ok(Section { how, rows, breakdown: None })
}

/// One kind, whose handler says when it begins and does one step.
fn registry(begins: UnboundedSender<Instant>) -> Registry {
    let mut registry = Registry::new();
    registry.register(KIND, move |run: RunContext, _: Value| {
        let begins = begins.clone();
        async move {
            // Nobody listens during the many.
            let _ = begins.send(Instant::now());
            run.step("only", |_| async { Ok::<_, Halt>(()) }).await
        }
    });
    registry
}

fn new_run() -> NewRun {
    NewRun::new(KIND, "measured", Value::Null, Principal::user("bench"))
}

async fn idle_starts(runs: &Runs, begun: &mut UnboundedReceiver<Instant>) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..STARTS {
        let asked = Instant::now();
        let id = runs.start(&new_run()).await?;
        let began = begun.recv().await.context("the worker is gone")?;
        samples.add(began.saturating_duration_since(asked));
        runs.wait(id).await?;
    }
    Ok(samples)
}

/// Queues all runs at once; how long that took, and then their execution.
async fn many(store: &Store, runs: &Runs) -> Result<(Duration, Duration)> {
    let before = ended(runs, "succeeded").await?;
    let asked = Instant::now();
    let write = store.write().await?;
    for _ in 0..RUNS {
        runs.start_in(&write, &new_run()).await?;
    }
    write.commit().await?;
    let queued = Instant::now();
    runs.wake();
    while ended(runs, "succeeded").await? < before + RUNS {
        ensure!(ended(runs, "failed").await? == 0, "a run failed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((queued - asked, queued.elapsed()))
}

async fn ended(runs: &Runs, state: &str) -> Result<u64> {
    let filter = RunFilter { kind: Some(KIND.to_owned()), state: Some(state.to_owned()) };
    Ok(runs.list(&filter, Page { limit: 1, offset: 0 }).await?.1)
}
