use std::time::Duration;

use chrono::{DateTime, Utc};

const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];

/// How long ago `then` was, in its largest unit: `3m ago`, `in 2h`, `now`.
pub fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - then).num_seconds();
    let largest = UNITS.iter().find(|(unit_s, _)| seconds.unsigned_abs() >= *unit_s);
    match largest {
        None => "now".to_owned(),
        Some((unit_s, name)) if seconds > 0 => format!("{}{name} ago", seconds.unsigned_abs() / unit_s),
        Some((unit_s, name)) => format!("in {}{name}", seconds.unsigned_abs() / unit_s),
    }
}

/// A length of time in its two largest units: `1h 5m`, `42s`, `350ms`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    if seconds == 0 {
        return format!("{}ms", length.as_millis());
    }
    let Some(largest) = UNITS.iter().position(|(unit_s, _)| seconds >= *unit_s) else { return String::new() };
    let (unit_s, name) = UNITS[largest];
    let mut text = format!("{}{name}", seconds / unit_s);
    if let Some((next_s, next)) = UNITS.get(largest + 1)
        && seconds % unit_s >= *next_s
    {
        text.push_str(&format!(" {}{next}", seconds % unit_s / next_s));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        for (seconds, said) in [
            (0, "now"),
            (1, "1s ago"),
            (59, "59s ago"),
            (180, "3m ago"),
            (7_199, "1h ago"),
            (200_000, "2d ago"),
            (-90, "in 1m"),
        ] {
            assert_eq!(ago(now - chrono::Duration::seconds(seconds), now), said);
        }
        for (ms, said) in [
            (0, "0ms"),
            (350, "350ms"),
            (42_000, "42s"),
            (3_900_000, "1h 5m"),
            (3_601_000, "1h"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), said);
        }
    }
}
