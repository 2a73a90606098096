use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::metrics::Histogram;
use opentelemetry::{KeyValue, global};

const BOUNDARIES_S: [f64; 12] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0];

/// Made with the first step: by then the process has its metrics, or has none.
static STEP_SECONDS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("opsmith")
        .f64_histogram("opsmith.run.step")
        .with_unit("s")
        .with_description("Time that a step of a durable run took, in seconds.")
        .with_boundaries(BOUNDARIES_S.to_vec())
        .build()
});

/// Takes note of a step that was done, here and not by a replay.
pub(crate) fn step_done(kind: &str, step: &str, took: Duration) {
    let labels = [KeyValue::new("kind", kind.to_owned()), KeyValue::new("step", step_label(step).to_owned())];
    STEP_SECONDS.record(took.as_secs_f64(), &labels);
}

/// The step's name up to what tells one from the next: `agent` of `agent 3 nudged`. So labels do not grow in number.
pub(crate) fn step_label(name: &str) -> &str {
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-');
    let mut end = 0;
    for word in name.split_inclusive(' ').take_while(|word| plain(word.trim_end())) {
        end += word.len();
    }
    let label = name[..end].trim_end();
    if label.is_empty() { "other" } else { label }
}

#[cfg(test)]
mod tests {
    use super::step_label;

    #[test]
    fn a_label_has_nothing_that_counts() {
        for (name, label) in [
            ("agent 3", "agent"),
            ("agent 3 nudged again 1", "agent"),
            ("pull request", "pull request"),
            ("auto merge", "auto merge"),
            ("clone acme/api now", "clone"),
            ("7", "other"),
            ("", "other"),
            ("é 1", "other"),
        ] {
            assert_eq!(step_label(name), label, "{name}");
        }
    }
}
