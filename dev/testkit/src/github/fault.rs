use std::time::Duration;

use tokio::time::Instant;

use super::answer::Answer;

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is answered with this status, and nothing is done.
    Status(u16),
    /// It is done, and the connection breaks within the answer.
    Lost,
    /// The connection breaks within an answer, and nothing is done.
    Broken,
    /// It is done after this time.
    Slow(Duration),
    /// It is answered with this, and nothing is done.
    Garbled(&'static str),
    /// It is done, and the connection is reset within the answer.
    Reset,
    /// It is done, and the answer is cut in the middle, though whole to HTTP.
    Truncated,
    /// A page for people with this status, as of a proxy; nothing is done.
    Html(u16),
    /// An answer without end; nothing is done.
    Endless,
    /// It is done, and answered with this pause before every piece.
    Dripping(Duration),
}

/// What goes wrong with every request for a while.
#[derive(Clone, Copy, Debug)]
pub enum Storm {
    /// Status 503.
    Outage,
    /// Status 429 with this `Retry-After`, or 403 with a sentence alone.
    Secondary(Option<u64>),
    /// Status 403 with nothing left of the hour, which ends with the storm.
    Primary,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    /// On the next request, or the next of a route.
    pub next: Vec<(Option<String>, Fault)>,
    pub storm: Option<(Storm, Instant)>,
}

impl Faults {
    /// Takes the fault of a request to the route `key`.
    pub(super) fn take(&mut self, key: &str) -> Option<Fault> {
        let at = self.next.iter().position(|(route, _)| route.as_deref().is_none_or(|route| route == key))?;
        Some(self.next.remove(at).1)
    }

    /// The answer to every request while a storm lasts; `now_s` is GitHub's clock.
    pub(super) fn storm(&mut self, now_s: i64) -> Option<Answer> {
        let (storm, until) = self.storm?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.storm = None;
            return None;
        }
        let secondary = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        Some(match storm {
            Storm::Outage => Answer::refuse(503, "Service unavailable"),
            Storm::Secondary(Some(seconds)) => Answer::refuse(429, secondary).with("retry-after", &seconds.to_string()),
            Storm::Secondary(None) => Answer::refuse(403, secondary),
            Storm::Primary => Answer::refuse(403, "API rate limit exceeded")
                .with("x-ratelimit-remaining", "0")
                .with("x-ratelimit-reset", &(now_s + i64::try_from(left.as_secs()).unwrap_or(0) + 1).to_string()),
        })
    }
}
