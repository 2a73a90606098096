use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike as _;
use opentelemetry::metrics::Meter;
use opsmith_model::Clock;

/// Has `meter` observe this process, under Prometheus' usual names; what the system does not tell is left out.
pub(super) fn observe(meter: &Meter) {
    // Called when the process begins to serve; what went before takes milliseconds.
    let started = Clock::system().now().timestamp_micros();
    meter
        .f64_observable_gauge("process.start_time")
        .with_unit("s")
        .with_description("Start time of the process since 1970 in seconds.")
        .with_callback(move |gauge| gauge.observe(seconds(started), &[]))
        .build();
    meter
        .f64_observable_counter("process.cpu")
        .with_unit("s")
        .with_description("User and system CPU time spent in seconds.")
        .with_callback(|counter| {
            if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
                let spent = usage.user_time() + usage.system_time();
                counter.observe(seconds(spent.num_microseconds()), &[]);
            }
        })
        .build();
    for (name, unit, description, read) in [
        ("process.resident_memory", "By", "Resident memory size in bytes.", resident_bytes as fn() -> Option<u64>),
        ("process.open_fds", "", "Number of open file descriptors.", open_fds),
        ("process.max_fds", "", "Maximum number of open file descriptors.", max_fds),
    ] {
        let gauge = meter.u64_observable_gauge(name).with_unit(unit).with_description(description);
        let read = move || read();
        gauge.with_callback(move |gauge| read().into_iter().for_each(|value| gauge.observe(value, &[]))).build();
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a double's 53 bits until the year 2255")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1_000_000.0
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

fn open_fds() -> Option<u64> {
    // One of them is the one that reads the folder.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

fn max_fds() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}
