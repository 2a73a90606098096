use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures closer together than this are one outage. Metrics are sent each minute, so a lasting one never pauses longer.
const QUIET: Duration = Duration::from_secs(300);

/// The last failure of what sends telemetry, so that an outage is told once.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    /// Takes note of a failure at `now`; true for the first one of an outage.
    pub(super) fn begins(&self, now: Instant) -> bool {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now);
        before.is_none_or(|before| now.saturating_duration_since(before) > QUIET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_once_however_long_and_a_later_one_again() {
        let (outage, start) = (Outage::default(), Instant::now());
        let told: Vec<u64> =
            (0..120).filter(|minute| outage.begins(start + Duration::from_secs(minute * 60))).collect();
        assert_eq!(told, [0]);
        assert!(outage.begins(start + Duration::from_secs(119 * 60) + QUIET * 2));
    }
}
