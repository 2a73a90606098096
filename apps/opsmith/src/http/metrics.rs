use std::sync::LazyLock;
use std::time::Duration;

use ampx::Ampx;
use ampx::http::responses::Internal;
use ampx::task::TaskStatus;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Gauge;
use opsmith_host::http::Problem;
use opsmith_host::process::Process;
use opsmith_host::telemetry;
use opsmith_runs::RunFilter;
use opsmith_store::Page;
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::runs::STATES;
use super::site::Site;

/// The Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How old a number of the store may be when it is sent to a collector. Who reads `/metrics` gets it fresh.
const SAMPLE_PERIOD: Duration = Duration::from_secs(15);

/// What only the store knows: as of the last [`sample`](Gauges::sample).
struct Gauges {
    tasks: Gauge<u64>,
    runs: Gauge<u64>,
    confirmations_pending: Gauge<u64>,
    worker_leases: Gauge<u64>,
    build_info: Gauge<u64>,
}

/// The process's gauges; one who samples and reads them holds the lock, and so reads what it sampled.
static GAUGES: LazyLock<Mutex<Gauges>> = LazyLock::new(|| {
    let meter = telemetry::meter();
    let gauge =
        |name: &'static str, description: &'static str| meter.u64_gauge(name).with_description(description).build();
    Mutex::new(Gauges {
        tasks: gauge("opsmith.tasks", "Tasks of ampx by status."),
        runs: gauge("opsmith.runs", "Durable runs by state."),
        confirmations_pending: gauge("opsmith.confirmations.pending", "Questions that wait for a person's yes."),
        worker_leases: gauge("opsmith.worker.leases", "Runs that workers hold."),
        build_info: gauge("opsmith.build_info", "This build; always 1."),
    })
});

/// The server in numbers, as Prometheus reads them.
#[utoipa::path(
    get, path = "/metrics", tag = "platform",
    responses((status = 200, body = String, content_type = "text/plain"), Internal)
)]
pub(super) async fn metrics(State(site): State<Site>) -> Result<impl IntoResponse, Problem> {
    let gauges = GAUGES.lock().await;
    gauges.sample(&site.process, &site.ampx).await?;
    Ok(([(CONTENT_TYPE, TEXT)], telemetry::prometheus_text()))
}

/// Keeps the numbers of the store fresh for a collector, which is sent what was sampled last; until `stop`.
pub async fn keep_sampling(process: Process, ampx: Ampx, stop: CancellationToken) {
    let mut ticks = interval(SAMPLE_PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // A database that does not answer is told by what needs it; the numbers stay those of before.
        let _ = GAUGES.lock().await.sample(&process, &ampx).await;
    }
}

impl Gauges {
    async fn sample(&self, process: &Process, ampx: &Ampx) -> Result<(), Problem> {
        let tasks = ampx.count_by_status().await?;
        for status in TaskStatus::ALL.map(TaskStatus::as_str) {
            let count = tasks.iter().find(|(word, _)| word == status).map_or(0, |(_, count)| count.unsigned_abs());
            self.tasks.record(count, &[KeyValue::new("status", status)]);
        }
        for state in STATES {
            let filter = RunFilter { kind: None, state: Some(state.to_owned()) };
            let (_, count) = process.runs.list(&filter, Page { limit: 0, offset: 0 }).await?;
            self.runs.record(count, &[KeyValue::new("state", state)]);
        }
        self.confirmations_pending.record(process.guard.count_pending().await?, &[]);
        let held = process.runs.workers().await?.iter().map(|worker| worker.running).sum();
        self.worker_leases.record(held, &[]);
        self.build_info.record(1, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]);
        Ok(())
    }
}
