use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use super::answer::Answer;

/// What an hour allows a token: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
const USUAL: u64 = 5_000;

/// The requests that tokens have left of their hour.
#[derive(Debug)]
pub(super) struct Limits {
    pub allowance: u64,
    /// By token: the hour's end, and the requests of it.
    used: HashMap<String, (DateTime<Utc>, u64)>,
}

/// Where a token stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    allowance: u64,
    used: u64,
    ends_at: DateTime<Utc>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { allowance: USUAL, used: HashMap::new() }
    }
}

impl Limits {
    /// Counts a request.
    pub(super) fn count(&mut self, token: &str, now: DateTime<Utc>) -> Account {
        let (ends_at, used) = self.used.entry(token.to_owned()).or_insert((now + Duration::hours(1), 0));
        if *ends_at <= now {
            (*ends_at, *used) = (now + Duration::hours(1), 0);
        }
        *used += 1;
        Account { allowance: self.allowance, used: *used, ends_at: *ends_at }
    }

    /// Takes a request back: an answer 304 costs nothing.
    pub(super) fn forgive(&mut self, token: &str) {
        if let Some((_, used)) = self.used.get_mut(token) {
            *used = used.saturating_sub(1);
        }
    }
}

impl Account {
    /// The refusal, where nothing was left.
    pub(super) fn refusal(&self, login: &str) -> Option<Answer> {
        (self.used > self.allowance).then(|| Answer::refuse(403, &format!("API rate limit exceeded for {login}.")))
    }

    /// What every answer says of it.
    pub(super) fn headers(&self) -> [(&'static str, String); 5] {
        let used = self.used.min(self.allowance);
        [
            ("x-ratelimit-limit", self.allowance.to_string()),
            ("x-ratelimit-remaining", (self.allowance - used).to_string()),
            ("x-ratelimit-used", used.to_string()),
            ("x-ratelimit-reset", self.ends_at.timestamp().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }
}
