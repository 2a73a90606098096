use std::fmt::Write as _;

use ampx::http::responses::Internal;
use ampx::task::TaskStatus;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use opsmith_host::http::Problem;
use opsmith_runs::RunFilter;
use opsmith_store::Page;

use super::router::Site;
use super::runs::STATES;

/// The Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// More pending confirmations than these are not counted.
const MOST_PENDING: u64 = 1_000;

/// One family of gauges in the text format.
struct Family {
    name: &'static str,
    help: &'static str,
    /// Each with its label's name and value, if it has one; our own words, which need no escaping.
    samples: Vec<(Option<(&'static str, String)>, u64)>,
}

/// The server in numbers, as Prometheus reads them.
#[utoipa::path(
    get, path = "/metrics", tag = "platform",
    responses((status = 200, body = String, content_type = "text/plain"), Internal)
)]
pub(super) async fn metrics(State(site): State<Site>) -> Result<impl IntoResponse, Problem> {
    let mut text = String::new();
    for family in [tasks(&site).await?, runs(&site).await?, pending(&site).await?, leases(&site).await?, build()] {
        family.write(&mut text);
    }
    if let Some(family) = memory().await {
        family.write(&mut text);
    }
    Ok(([(CONTENT_TYPE, TEXT)], text))
}

impl Family {
    fn one(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, help, samples: vec![(None, value)] }
    }

    fn write(&self, text: &mut String) {
        let Self { name, help, samples } = self;
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (label, value) in samples {
            let _ = match label {
                Some((label, word)) => writeln!(text, "{name}{{{label}=\"{word}\"}} {value}"),
                None => writeln!(text, "{name} {value}"),
            };
        }
    }
}

async fn tasks(site: &Site) -> Result<Family, Problem> {
    let counted = site.ampx.count_by_status().await?;
    let of =
        |word: &str| counted.iter().find(|(status, _)| status == word).map_or(0, |(_, count)| count.unsigned_abs());
    let words = TaskStatus::ALL.map(TaskStatus::as_str);
    let samples = words.into_iter().map(|word| (Some(("status", word.to_owned())), of(word))).collect();
    Ok(Family { name: "opsmith_tasks", help: "Tasks of ampx by status.", samples })
}

async fn runs(site: &Site) -> Result<Family, Problem> {
    let mut samples = Vec::new();
    for state in STATES {
        let filter = RunFilter { kind: None, state: Some(state.to_owned()) };
        let (_, total) = site.process.runs.list(&filter, Page { limit: 0, offset: 0 }).await?;
        samples.push((Some(("state", state.to_owned())), total));
    }
    Ok(Family { name: "opsmith_runs", help: "Durable runs by state.", samples })
}

async fn pending(site: &Site) -> Result<Family, Problem> {
    let pending = site.process.guard.pending(MOST_PENDING).await?.len() as u64;
    Ok(Family::one("opsmith_confirmations_pending", "Questions that wait for a person's yes, at most 1000.", pending))
}

async fn leases(site: &Site) -> Result<Family, Problem> {
    let held = site.process.runs.workers().await?.iter().map(|worker| worker.running).sum();
    Ok(Family::one("opsmith_worker_leases", "Runs that workers hold.", held))
}

fn build() -> Family {
    let version = Some(("version", env!("CARGO_PKG_VERSION").to_owned()));
    Family { name: "opsmith_build_info", help: "This build; always 1.", samples: vec![(version, 1)] }
}

/// Absent where the system does not tell.
async fn memory() -> Option<Family> {
    let status = tokio::fs::read_to_string("/proc/self/status").await.ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Family::one("process_resident_memory_bytes", "Resident memory size in bytes.", kib * 1024))
}
