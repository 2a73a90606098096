use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

/// GitHub asks for at least a minute where it names no time:
/// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
const UNNAMED_PAUSE: Duration = Duration::from_secs(60);

/// An answer that says: too many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limited {
    /// The hourly allowance; else one against bursts.
    pub primary: bool,
    pub pause: LimitPause,
}

/// How long a limit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitPause {
    For(Duration),
    /// Epoch seconds of GitHub's clock.
    Until(i64),
    Unnamed,
}

impl Limited {
    /// What an answer says of limits; `None` where it is about something else.
    pub(super) fn read(status: u16, headers: &HeaderMap, message: &str) -> Option<Self> {
        if status != 403 && status != 429 {
            return None;
        }
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let asked = number(RETRY_AFTER.as_str()).and_then(|seconds| u64::try_from(seconds).ok());
        let asked = asked.map(Duration::from_secs);
        let spent = number("x-ratelimit-remaining") == Some(0);
        let says_so = message.to_ascii_lowercase().contains("rate limit");
        let primary = spent && asked.is_none();
        let pause = match (asked, number("x-ratelimit-reset").filter(|_| spent)) {
            (Some(asked), _) => LimitPause::For(asked),
            (None, Some(reset)) => LimitPause::Until(reset),
            (None, None) if status == 429 || says_so => LimitPause::Unnamed,
            (None, None) => return None,
        };
        Some(Self { primary, pause })
    }

    /// How long to wait after `failed` refusals in a row.
    pub(super) fn wait(&self, now: DateTime<Utc>, failed: u32) -> Duration {
        match self.pause {
            LimitPause::For(pause) => pause,
            // A second more, as the two clocks may not agree.
            LimitPause::Until(reset) => {
                Duration::from_secs(u64::try_from(reset.saturating_sub(now.timestamp()).saturating_add(1)).unwrap_or(1))
            }
            LimitPause::Unnamed => UNNAMED_PAUSE.saturating_mul(1 << failed.min(6)),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        if self.primary { "primary" } else { "secondary" }
    }
}

/// Holds back every request of a client while a limit lasts, so that many callers do not run into it one by one.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// When it opens, and the limit's name.
    closed: Mutex<Option<(Instant, &'static str)>>,
}

impl Gate {
    /// Closes it until `until` at least.
    pub(super) fn close(&self, until: Instant, limit: &'static str) {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.is_none_or(|(known, _)| known < until) {
            *closed = Some((until, limit));
        }
    }

    /// When it opens and what closed it, if it is closed.
    pub(super) fn opens(&self) -> Option<(Instant, &'static str)> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.filter(|(until, _)| *until > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_from_missing_permissions() {
        let read = |status, headers: &[(&'static str, &'static str)], message| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            Limited::read(status, &headers, message)
        };
        let limited = |primary, pause| Some(Limited { primary, pause });
        let spent = ("x-ratelimit-remaining", "0");
        let reset = ("x-ratelimit-reset", "1800000060");
        for (status, headers, message, expected) in [
            (403, vec![spent, reset], "API rate limit exceeded", limited(true, LimitPause::Until(1_800_000_060))),
            (429, vec![spent, reset], "", limited(true, LimitPause::Until(1_800_000_060))),
            (403, vec![("retry-after", "7")], "", limited(false, LimitPause::For(Duration::from_secs(7)))),
            (
                429,
                vec![("retry-after", "7"), spent, reset],
                "",
                limited(false, LimitPause::For(Duration::from_secs(7))),
            ),
            (403, vec![], "You have exceeded a secondary rate limit", limited(false, LimitPause::Unnamed)),
            (429, vec![("retry-after", "-7")], "", limited(false, LimitPause::Unnamed)),
            (403, vec![("x-ratelimit-remaining", "12"), reset], "Resource not accessible by integration", None),
            (404, vec![spent, reset], "", None),
            (500, vec![("retry-after", "7")], "", None),
        ] {
            assert_eq!(read(status, &headers, message), expected, "{status} {headers:?} {message}");
        }
    }

    #[test]
    fn a_reset_in_the_past_or_far_away_is_a_time_all_the_same() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let wait = |pause, failed| Limited { primary: true, pause }.wait(now, failed).as_secs();
        assert_eq!(wait(LimitPause::Until(1_800_000_060), 0), 61);
        assert_eq!(wait(LimitPause::Until(0), 0), 1);
        assert!(wait(LimitPause::Until(i64::MAX), 0) > 1 << 60);
        assert_eq!((wait(LimitPause::Unnamed, 0), wait(LimitPause::Unnamed, 2)), (60, 240));
    }
}
