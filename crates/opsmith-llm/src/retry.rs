use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::{LlmError, Phase};

/// How often and how patiently a request is sent again, before anything of an answer came.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Attempts in all, the first among them.
    pub attempts: u32,
    /// Half of the longest first pause; each later one may be twice as long.
    pub base: Duration,
    /// The longest pause of our own choosing.
    pub longest: Duration,
    /// The longest that a provider may ask for; one that wants more is not asked again.
    pub longest_asked: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            longest_asked: Duration::from_secs(120),
        }
    }
}

impl Retries {
    /// The pause before the next attempt, after `failed` of them; `None` where there is none.
    pub(crate) fn pause(&self, failed: u32, error: &LlmError) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let asked = match error {
            LlmError::RateLimited { retry_after, .. } | LlmError::Overloaded { retry_after, .. } => *retry_after,
            LlmError::Broken { .. } | LlmError::Unreachable { .. } | LlmError::Lost { .. } => None,
            LlmError::Timeout { phase: Phase::Connect, .. } => None,
            // Asking again would not help, or would pay twice for what may have been done.
            LlmError::Timeout { phase: Phase::FirstByte | Phase::NextByte | Phase::Whole, .. }
            | LlmError::Unauthenticated { .. }
            | LlmError::Forbidden { .. }
            | LlmError::NoSuchModel { .. }
            | LlmError::ContextTooLong { .. }
            | LlmError::TooLarge { .. }
            | LlmError::Rejected { .. }
            | LlmError::OutOfQuota { .. }
            | LlmError::Garbled { .. }
            | LlmError::Oversized { .. }
            | LlmError::BrokenOff { .. }
            | LlmError::NotAsAsked { .. }
            | LlmError::BadSchema { .. }
            | LlmError::Budget(_)
            | LlmError::Cassette(_) => return None,
        };
        // Anything up to the whole of it, so that those who were refused together do not come back together.
        let most = self.base.saturating_mul(1 << failed.min(16)).min(self.longest);
        let jitter = most.mul_f64(fastrand::f64());
        match asked {
            Some(asked) if asked > self.longest_asked => None,
            Some(asked) => Some(asked.saturating_add(jitter.min(self.base))),
            None => Some(jitter),
        }
    }
}

/// What the headers ask for: `retry-after-ms`, or `Retry-After` in seconds or as a date.
pub(crate) fn asked(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|text| text.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let then = DateTime::parse_from_rfc2822(text).ok()?;
    Some((then.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn limited(retry_after: Option<Duration>) -> LlmError {
        LlmError::RateLimited { provider: "p".to_owned(), retry_after }
    }

    #[test]
    fn pauses_grow_with_full_jitter_up_to_the_longest() {
        let retries = Retries { attempts: 20, ..Retries::default() };
        for (failed, most_s) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (19, 30.0)] {
            let pauses: Vec<f64> =
                (0..300).map(|_| retries.pause(failed, &limited(None)).unwrap().as_secs_f64()).collect();
            assert!(pauses.iter().all(|pause| *pause <= most_s), "{failed}");
            // Spread over the whole of it: none of 300 in the lowest or the highest fifth is a chance of 10^-29.
            assert!(pauses.iter().any(|pause| *pause < most_s / 5.0), "{failed}");
            assert!(pauses.iter().any(|pause| *pause > most_s * 0.8), "{failed}");
        }
        assert_eq!(retries.pause(20, &limited(None)), None);
    }

    #[test]
    fn what_the_provider_asks_for_is_kept_or_given_up() {
        let retries = Retries::default();
        let pause = retries.pause(1, &limited(Some(Duration::from_secs(7)))).unwrap();
        assert!((7.0..=7.5).contains(&pause.as_secs_f64()), "{pause:?}");
        assert_eq!(retries.pause(1, &limited(Some(Duration::from_secs(121)))), None);
        let used_up = LlmError::OutOfQuota { provider: "p".to_owned(), message: String::new() };
        assert_eq!(retries.pause(1, &used_up), None);
    }

    #[test]
    fn a_header_may_be_seconds_milliseconds_or_a_date() {
        let now = Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
        let header = |name: &'static str, value: &'static str| {
            asked(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]), now)
        };
        for (name, value, s) in [
            ("retry-after", "3", Some(3.0)),
            ("retry-after", "0.5", Some(0.5)),
            ("retry-after", "Sat, 21 Nov 2026 12:00:10 GMT", Some(10.0)),
            ("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT", Some(0.0)),
            ("retry-after-ms", "250", Some(0.25)),
            ("retry-after", "-3", None),
            ("retry-after", "1e300", None),
            ("retry-after", "soon", None),
            ("x-other", "3", None),
        ] {
            assert_eq!(header(name, value), s.map(Duration::from_secs_f64), "{name}: {value}");
        }
    }
}
