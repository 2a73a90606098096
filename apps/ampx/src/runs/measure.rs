use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};
use opsmith_forge::ci::Verdict;
use opsmith_runs::Halt;

use super::attempt::Edited;

const BOUNDARIES_S: [f64; 12] = [1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0];
/// Every outcome, so that each is a number from the start and a rate over it has no hole.
const OUTCOMES: [&str; 9] =
    ["green", "red", "cannot_run", "none", "no_change", "hindered", "held", "failed", "cancelled"];

/// What a check that was run again may say; green is a flaky one.
const RERUNS: [&str; 4] = ["green", "red", "cannot_run", "none"];

struct Instruments {
    attempts: Counter<u64>,
    reruns: Counter<u64>,
    ci_wait: Histogram<f64>,
}

/// Made when the worker starts: by then the process has its metrics, or has none.
static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let meter = global::meter("opsmith");
    let attempts = meter.u64_counter("opsmith.attempts").with_description("Attempts that ended, by outcome.").build();
    OUTCOMES.iter().for_each(|outcome| attempts.add(0, &[KeyValue::new("outcome", *outcome)]));
    let reruns = meter.u64_counter("opsmith.ci.reruns");
    let reruns = reruns.with_description("Checks run again after a red, by outcome; green ones are flaky.").build();
    RERUNS.iter().for_each(|outcome| reruns.add(0, &[KeyValue::new("outcome", *outcome)]));
    let ci_wait = meter.f64_histogram("opsmith.ci.wait").with_unit("s").with_boundaries(BOUNDARIES_S.to_vec());
    Instruments {
        attempts,
        reruns,
        ci_wait: ci_wait.with_description("Time until CI had a verdict, in seconds.").build(),
    }
});

/// Makes the numbers known before the first attempt.
pub(super) fn begin() {
    LazyLock::force(&INSTRUMENTS);
}

fn ended(outcome: &'static str) {
    INSTRUMENTS.attempts.add(1, &[KeyValue::new("outcome", outcome)]);
}

/// Takes note of a check; with one that `counts` the attempt ended.
pub(super) fn checked(verdict: &Verdict, waited: Duration, counts: bool) {
    INSTRUMENTS.ci_wait.record(waited.as_secs_f64(), &[]);
    if counts {
        ended(outcome(verdict));
    }
}

/// Takes note of an attempt that ended with this verdict.
pub(super) fn decided(verdict: &Verdict) {
    ended(outcome(verdict));
}

/// Takes note of a check that was run again after a red.
pub(super) fn reran(verdict: &Verdict) {
    INSTRUMENTS.reruns.add(1, &[KeyValue::new("outcome", outcome(verdict))]);
}

fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Green { .. } => "green",
        Verdict::Red(_) => "red",
        Verdict::CannotRun { .. } => "cannot_run",
        Verdict::NoCi => "none",
    }
}

/// Takes note of an attempt whose change was held for a person.
pub(super) fn held() {
    ended("held");
}

/// Takes note of an attempt that ended before there was anything to check.
pub(super) fn edited(edited: &Result<Edited, Halt>) {
    match edited {
        Ok(Edited::Nothing { .. }) => ended("no_change"),
        Ok(Edited::Hindered(_)) => ended("hindered"),
        Err(Halt::Failed(_)) => ended("failed"),
        Err(Halt::Cancelled) => ended("cancelled"),
        Ok(Edited::Head(_)) | Err(Halt::Interrupted(_)) => {}
    }
}
