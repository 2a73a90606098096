//! What was measured, and what is said of it.

use std::fmt;
use std::time::Duration;

/// The times of the same thing done again and again, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Adds a time.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that `percent` of all did not exceed, by the nearest rank; zero where there is none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or_default()
    }

    /// The middle one, in milliseconds.
    pub fn median_ms(&self) -> f64 {
        ms(self.percentile(50))
    }

    /// How many were done in a second.
    pub fn per_second(&self) -> f64 {
        let total: Duration = self.0.iter().sum();
        self.0.len() as f64 / total.as_secs_f64()
    }

    /// Rate and spread on one line.
    pub fn rate(&self) -> String {
        format!("{:.0}/s; {self}", self.per_second())
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<T: IntoIterator<Item = Duration>>(times: T) -> Self {
        Self(times.into_iter().collect())
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} ms, p99 {:.2} ms", self.median_ms(), ms(self.percentile(99)))
    }
}

/// In milliseconds.
pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_taken() {
        let samples: Samples = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(samples.percentile(50), Duration::from_millis(100));
        assert_eq!(samples.percentile(99), Duration::from_millis(198));
        assert_eq!(samples.percentile(100), Duration::from_millis(200));
        let one: Samples = [Duration::from_millis(7)].into_iter().collect();
        assert_eq!((one.percentile(1), one.percentile(99)), (Duration::from_millis(7), Duration::from_millis(7)));
    }

    #[test]
    fn the_rate_is_that_of_one_after_the_other() {
        let samples: Samples = [1, 3].into_iter().map(Duration::from_millis).collect();
        assert_eq!(samples.rate(), "500/s; p50 1.00 ms, p99 3.00 ms");
    }
}
