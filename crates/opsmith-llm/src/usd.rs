use std::fmt;
use std::ops::Add;

use serde::{Deserialize, Serialize};

const NANO: i64 = 1_000_000_000;

/// An amount of US dollars, kept in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(i64);

impl Usd {
    /// An amount given in billionths of a dollar.
    pub const fn from_nano(nano: i64) -> Self {
        Self(nano)
    }

    /// An amount as a person writes it, such as 2.5; `None` where it is not a number or out of range.
    pub fn from_f64(dollars: f64) -> Option<Self> {
        let nano = (dollars * NANO as f64).round();
        // Beyond 2^53 a float has gaps; nine million dollars are enough.
        (nano.abs() <= 9e15).then_some(Self(nano as i64))
    }

    /// The amount in billionths of a dollar.
    pub const fn nano(self) -> i64 {
        self.0
    }

    /// The amount for metrics and people.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / NANO as f64
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Usd {
    /// With four digits after the point, or as many more as a small amount needs to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / NANO, (self.0 % NANO).unsigned_abs());
        let digits = format!("{part:09}");
        let shown = digits.trim_end_matches('0').len().max(4);
        let sign = if self.0 < 0 && whole == 0 { "-" } else { "" };
        write!(f, "{sign}${whole}.{}", &digits[..shown])
    }
}

#[cfg(test)]
mod tests {
    use super::Usd;

    #[test]
    fn an_amount_shows_as_much_as_there_is() {
        for (nano, shown) in [
            (0, "$0.0000"),
            (1, "$0.000000001"),
            (2_500_000_000, "$2.5000"),
            (-500_000_000, "-$0.5000"),
            (12_345_600, "$0.0123456"),
        ] {
            assert_eq!(Usd::from_nano(nano).to_string(), shown);
        }
        assert_eq!(Usd::from_f64(2.5), Some(Usd::from_nano(2_500_000_000)));
        assert_eq!(Usd::from_f64(f64::NAN), None);
        assert_eq!(Usd::from_f64(1e12), None);
    }
}
