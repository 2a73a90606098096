//! Judging by lines: for languages without a grammar here, and for sources that do not parse.

use super::finding::{FindingKind, GateFinding};

/// Words that begin a test.
const TESTS: &[&str] = &[
    "def test",
    "func Test",
    "func test",
    "fn test",
    "#[test]",
    "::test]",
    "@Test",
    "@ParameterizedTest",
    "test(",
    "it(",
    "it \"",
    "it '",
    "specify ",
    "TEST(",
    "TEST_F(",
    "TEST_P(",
    "TEST_CASE(",
    "[Fact",
    "[Theory",
    "[Test",
    "function test",
    "@test \"",
    "test \"",
    "test '",
    "Scenario:",
    "fun test",
    "should \"",
    "void test",
    "#[tokio::test",
];
/// Words that demand something.
const ASSERTIONS: &[&str] = &["assert", "expect", "should", "verify(", "t.Error", "t.Fatal", "REQUIRE", "CHECK("];
/// Words that keep a test from running.
const SKIPS: &[&str] = &[
    "skip",
    "Skip",
    "xit(",
    "xdescribe",
    "xtest(",
    "#[ignore",
    "@Ignore",
    "@Disabled",
    "xfail",
    "pending",
    ".only(",
    "DISABLED_",
    ".todo(",
    "exit 0",
    "@tag :skip",
];

const MOST_LINES: usize = 200_000;

/// How many lines of a source have a word of each list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    tests: usize,
    assertions: usize,
    skips: usize,
}

fn count(text: &str) -> Counts {
    let mut counts = Counts::default();
    for line in text.lines().take(MOST_LINES) {
        let code = line.trim();
        if ["//", "* ", "-- "].iter().any(|comment| code.starts_with(comment)) || is_hash_comment(code) {
            continue;
        }
        let has = |words: &[&str]| usize::from(words.iter().any(|word| code.contains(word)));
        counts.tests += has(TESTS);
        counts.assertions += has(ASSERTIONS);
        counts.skips += has(SKIPS);
    }
    counts
}

fn is_hash_comment(code: &str) -> bool {
    code.starts_with('#') && !code.starts_with("#[")
}

/// What fewer tests, fewer assertions and more skips there are, by the lines alone.
pub(super) fn judge(path: &str, old: &str, new: &str, why: &str) -> Vec<GateFinding> {
    let (before, after) = (count(old), count(new));
    let mut findings = Vec::new();
    let mut found = |kind, what: String| {
        findings.push(GateFinding::of_file(kind, path, format!("{what} ({why}, so it was judged by its lines)")));
    };
    if after.tests < before.tests {
        found(FindingKind::Deleted, format!("has {} tests of {}", after.tests, before.tests));
    }
    if after.skips > before.skips {
        found(FindingKind::Skipped, format!("has {} lines that skip a test, {} before", after.skips, before.skips));
    }
    if after.assertions < before.assertions {
        found(FindingKind::Weakened, format!("has {} assertions of {}", after.assertions, before.assertions));
    }
    findings
}

/// Which lines of an expected output are not there any more.
pub(super) fn snapshot(path: &str, old: &str, new: &str) -> Option<GateFinding> {
    let kept: std::collections::HashSet<&str> = new.lines().map(str::trim).collect();
    let lost = old.lines().map(str::trim).filter(|line| !line.is_empty() && !kept.contains(line)).count();
    let what = format!("expects another output: {lost} of its lines changed or went");
    (lost > 0).then(|| GateFinding::of_file(FindingKind::Weakened, path, what))
}
