//! Waiting for a provider that cannot answer now: an outage of some minutes is no reason to lose an attempt's work.

use std::time::Duration;

use opsmith_llm::LlmError;

/// The first pause; each later one is twice as long, up to the longest.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// All pauses since the last answer together.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// How long a provider is waited for, since its last answer.
#[derive(Debug)]
pub(super) struct Patience {
    next: Duration,
    waited: Duration,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { next: FIRST, waited: Duration::ZERO }
    }

    /// The pause before asking again; `None` where that is in vain or has been tried for long enough.
    ///
    /// Before each error the client has tried a few times by itself, within seconds.
    pub(super) fn pause(&mut self, error: &LlmError) -> Option<Duration> {
        let pause = self.next.max(may_pass(error)?);
        self.waited += pause;
        self.next = (self.next * 2).min(LONGEST);
        (self.waited <= PATIENCE).then_some(pause)
    }
}

/// What the provider asks to wait, where it may answer later.
fn may_pass(error: &LlmError) -> Option<Duration> {
    match error {
        LlmError::RateLimited { retry_after, .. } | LlmError::Overloaded { retry_after, .. } => {
            Some(retry_after.unwrap_or_default())
        }
        LlmError::Broken { .. } | LlmError::Unreachable { .. } | LlmError::Lost { .. } => Some(Duration::ZERO),
        LlmError::BrokenOff { source, .. } => may_pass(source),
        // One that is silent until its time is over may have worked, and be paid for it, each time.
        LlmError::Timeout { .. }
        | LlmError::Unauthenticated { .. }
        | LlmError::Forbidden { .. }
        | LlmError::NoSuchModel { .. }
        | LlmError::ContextTooLong { .. }
        | LlmError::TooLarge { .. }
        | LlmError::Rejected { .. }
        | LlmError::OutOfQuota { .. }
        | LlmError::Garbled { .. }
        | LlmError::Oversized { .. }
        | LlmError::NotAsAsked { .. }
        | LlmError::BadSchema { .. }
        | LlmError::Budget(_)
        | LlmError::Cassette(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overloaded(retry_after: Option<Duration>) -> LlmError {
        LlmError::Overloaded { provider: "p".to_owned(), retry_after }
    }

    /// How often a provider that is away for so long is asked again, and after how long it has answered.
    fn outage(lasts: Duration, error: &LlmError) -> Option<(u32, Duration)> {
        let (mut patience, mut asked, mut waited) = (Patience::new(), 0, Duration::ZERO);
        while waited < lasts {
            waited += patience.pause(error)?;
            asked += 1;
        }
        Some((asked, waited))
    }

    #[test]
    fn ten_minutes_without_a_provider_are_waited_out() {
        let ten = Duration::from_secs(600);
        for error in [overloaded(None), LlmError::Lost { provider: "p".to_owned(), source: None }] {
            let (asked, waited) = outage(ten, &error).unwrap();
            assert!((10..20).contains(&asked) && waited <= ten + LONGEST, "{asked}, {waited:?}");
        }
    }

    #[test]
    fn patience_ends_and_some_errors_get_none() {
        assert_eq!(outage(Duration::from_secs(1_300), &overloaded(None)), None);
        for error in [
            LlmError::Unauthenticated { provider: "p".to_owned() },
            LlmError::OutOfQuota { provider: "p".to_owned(), message: String::new() },
            LlmError::Garbled { provider: "p".to_owned(), what: "nonsense" },
        ] {
            assert_eq!(outage(Duration::from_secs(1), &error), None, "{error}");
        }
    }

    #[test]
    fn what_the_provider_asks_for_is_kept() {
        let asked = Duration::from_secs(300);
        assert_eq!(outage(Duration::from_secs(1), &overloaded(Some(asked))), Some((1, asked)));
        assert_eq!(outage(Duration::from_secs(1), &overloaded(Some(Duration::from_secs(7_200)))), None);
    }
}
