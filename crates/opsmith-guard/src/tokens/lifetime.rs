use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

/// How long a token is to hold, written `90d`, `12h` or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until somebody revokes it.
    Endless,
    /// So many hours, which may make whole days.
    Hours(u32),
}

impl Lifetime {
    const MOST_HOURS: u32 = 10 * 366 * 24;

    /// The end of a token that begins at `now`.
    pub fn end(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Endless => None,
            Self::Hours(hours) => Some(now + TimeDelta::hours(hours.into())),
        }
    }
}

impl Default for Lifetime {
    fn default() -> Self {
        Self::Hours(90 * 24)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endless => f.write_str("never"),
            Self::Hours(hours) if hours % 24 == 0 => write!(f, "{}d", hours / 24),
            Self::Hours(hours) => write!(f, "{hours}h"),
        }
    }
}

/// A text that is no lifetime.
#[derive(Debug, thiserror::Error)]
#[error("a token's lifetime is written `90d`, `12h` or `never`, and is at least an hour and at most ten years")]
pub struct ParseLifetimeError;

impl FromStr for Lifetime {
    type Err = ParseLifetimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "never" {
            return Ok(Self::Endless);
        }
        let (number, unit_hours) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(number), _) => (number, 24),
            (None, Some(number)) => (number, 1),
            (None, None) => return Err(ParseLifetimeError),
        };
        let hours = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit_hours));
        let hours = hours.filter(|hours| (1..=Self::MOST_HOURS).contains(hours));
        hours.map(Self::Hours).ok_or(ParseLifetimeError)
    }
}

#[cfg(test)]
mod tests {
    use super::Lifetime;

    #[test]
    fn a_lifetime_is_read_and_written_alike() {
        for text in ["90d", "12h", "never", "1h", "3660d"] {
            assert_eq!(text.parse::<Lifetime>().unwrap().to_string(), text);
        }
        assert_eq!("48h".parse::<Lifetime>().unwrap().to_string(), "2d");
        assert_eq!(Lifetime::default().to_string(), "90d");
        for wrong in ["", "d", "0d", "-1d", "90", "90m", "Never", "1.5h", "4294967295d", "3661d", " 1d"] {
            assert!(wrong.parse::<Lifetime>().is_err(), "{wrong}");
        }
    }
}
