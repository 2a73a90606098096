use std::sync::LazyLock;

use regex::{Captures, Regex};
use sha2::{Digest as _, Sha256};

/// How much of the end counts, in characters of the normalised text: well under an excerpt's length, so that where
/// the excerpt was cut, which depends on the length of times and addresses, does not matter.
const COUNTED_CHARS: usize = 1500;

/// What varies between two runs of the same failure, and what is left of it. In order: later rules see what the
/// earlier ones left.
const VARIES: [(&str, &str); 18] = [
    // Fri Nov 21 13:20:00 UTC 2026
    (r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? \w{3,9} +\d+ \d\d:\d\d:\d\d(?: [A-Z]{3,4})? \d{4}\b", "@"),
    // 2026-11-21T13:20:00.123Z, 2026/11/21 13:20:00, 2026-11-21T13_20_00_123Z, a date alone
    (r"\b\d{4}[-/]\d\d[-/]\d\d(?:[T _]\d\d[:_]\d\d(?:[:_]\d\d(?:[.,_]\d+)?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?", "@"),
    (r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b", "@"),
    (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "#"),
    (r#"(?:/private)?(?:/var/folders|/var/tmp|/tmp)/[^\s:;,'"`)\]]*"#, "/tmp"),
    (r"\b0x[0-9a-fA-F]+\b", "0x"),
    (r"\bduration_ms\W*[\d.]+", "duration_ms"),
    // 0.12s, 3 seconds, 1m 2.5s
    (
        r"\b\d+(?:\.\d+)? ?(?:ns|[µμu]s|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)(?: ?\d+(?:\.\d+)? ?(?:ms|s|secs?|seconds?|m|mins?|minutes?))*\b",
        "~",
    ),
    // pytest says a long time twice: 75.48s (0:01:15)
    (r"~ \(@\)", "~"),
    (r"(?i)\b(pid|tid|process|thread id)([ =:#]+)\d+", "$1$2"),
    (r"(thread '[^']*') \(\d+\)", "$1"),
    (r"==\d+==", "=="),
    (r"\b\d+ (Segmentation fault|Aborted|Killed|Terminated|Bus error)", "$1"),
    (r"(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):\d+", "$1"),
    (r"(?i)\b(seed)\W{1,3}\d+", "$1"),
    // Rulers are drawn to the width that the times in them leave.
    (r"={3,}|-{3,}|_{3,}|\*{3,}|#{3,}|~{3,}", "="),
    (r"[ \t]+", " "),
    (r" $", ""),
];

/// Object ids, build hashes, and numbers too long to be anything else than time or chance.
const HEX: &str = r"\b[0-9a-f]{7,}\b";

/// Lines on what passed: test runners that work in parallel write them in any order.
const PASSED: &str = r"^(?:test .* \.\.\. (?:ok|ignored)\b.*|ok\s.*|\s*(?:--- )?PASS\b.*|.*\bPASSED\b.*|\s*[✓✔√] .*)$";

struct Rules {
    varies: Vec<(Regex, &'static str)>,
    hex: Option<Regex>,
    passed: Option<Regex>,
}

/// A test holds that every pattern compiles.
static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
    varies: VARIES.iter().filter_map(|(pattern, rest)| Some((Regex::new(pattern).ok()?, *rest))).collect(),
    hex: Regex::new(HEX).ok(),
    passed: Regex::new(PASSED).ok(),
});

/// A short name of a failure, 16 hex digits: the same for the same failure seen again, another for another.
///
/// It is taken of the end of the excerpt without what varies by itself (times, durations, addresses, object ids,
/// temporary paths, process ids, ports, seeds) and without lines on what passed. Line numbers and order count.
pub fn fingerprint(excerpt: &str) -> String {
    let lines = excerpt.lines().filter(|line| !is_passed(line)).map(normalised);
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let mut left = COUNTED_CHARS;
    let mut hash = Sha256::new();
    for line in lines.iter().rev() {
        let length = line.chars().count();
        if length > left {
            break;
        }
        left -= length;
        hash.update(line);
        hash.update("\n");
    }
    hex::encode(&hash.finalize()[..8])
}

fn is_passed(line: &str) -> bool {
    RULES.passed.as_ref().is_some_and(|passed| passed.is_match(line)) && !line.contains("FAIL")
}

fn normalised(line: &str) -> String {
    let mut line = line.to_owned();
    for (pattern, rest) in &RULES.varies {
        line = pattern.replace_all(&line, *rest).into_owned();
    }
    match &RULES.hex {
        Some(hex) => hex.replace_all(&line, without_hex).into_owned(),
        None => line,
    }
}

/// A word such as `defaced` is made of the same letters.
fn without_hex(found: &Captures<'_>) -> String {
    if found[0].bytes().any(|byte| byte.is_ascii_digit()) { "#".to_owned() } else { found[0].to_owned() }
}

#[cfg(test)]
mod tests;
