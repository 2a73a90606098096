//! What the gate found, as a person reads it.

use opsmith_host::cli::{Tone, clean_line};

use super::session::Session;
use crate::gates::{AttemptFinding, FindingKind, GateFinding, Standing, counts};
use crate::task::Attempt;

/// How many findings of one attempt are named.
const MOST_NAMED: usize = 20;

/// Prints what the gate found: of the newest attempt that it found something in each by name, of those before a count.
pub(super) fn show_findings(session: &Session<'_>, attempts: &[Attempt]) {
    let found: Vec<&Attempt> = attempts.iter().filter(|attempt| !attempt.findings.is_empty()).collect();
    let Some((newest, before)) = found.split_last() else { return };
    for attempt in before {
        session.output.toned(Tone::Dim, &headline(attempt));
    }
    let held = newest.findings.iter().any(|finding| finding.standing == Standing::Held);
    session.output.toned(if held { Tone::Warn } else { Tone::Plain }, &headline(newest));
    for line in lines(newest) {
        session.output.line(&line);
    }
}

fn headline(attempt: &Attempt) -> String {
    let findings: Vec<GateFinding> = attempt.findings.iter().map(AttemptFinding::finding).collect();
    let more = match beyond(attempt, attempt.findings.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("the gate found in attempt {}: {}{more}", attempt.number, counts(&findings))
}

/// Those that are held first, and of these the gravest.
fn lines(attempt: &Attempt) -> Vec<String> {
    let mut sorted: Vec<&AttemptFinding> = attempt.findings.iter().collect();
    sorted.sort_by_key(|finding| (finding.standing != Standing::Held, finding.kind));
    let mut lines: Vec<String> = sorted.iter().take(MOST_NAMED).map(|finding| line(finding)).collect();
    let more = beyond(attempt, lines.len());
    if more > 0 {
        lines.push(format!("  … {more} more; see them with `--json`, or in `ampx logs`"));
    }
    lines
}

fn beyond(attempt: &Attempt, shown: usize) -> u64 {
    u64::from(attempt.finding_count).saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX))
}

fn line(finding: &AttemptFinding) -> String {
    let standing = match &finding.standing {
        Standing::Held => "held".to_owned(),
        Standing::Allowed => "allowed".to_owned(),
        Standing::Accepted { by, .. } => format!("accepted by {}", by.name),
    };
    // Paths and names are an agent's or a repository's.
    clean_line(&format!("  {:<9} {} ({standing})", word(finding.kind), finding.finding()))
}

const fn word(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Secret => "secret",
        FindingKind::Deleted => "deleted",
        FindingKind::Skipped => "skipped",
        FindingKind::Weakened => "weakened",
        FindingKind::CiFile => "CI file",
        FindingKind::Settings => "settings",
        FindingKind::TooLarge => "too large",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(findings: usize, count: u32) -> Attempt {
        let one = AttemptFinding {
            kind: FindingKind::Weakened,
            path: "tests/\u{1b}[31mx\u{202e}.py\n".to_owned(),
            line: Some(3),
            test: Some("test_\u{1b}]0;a\u{7}b".to_owned()),
            what: "demands less".to_owned(),
            standing: Standing::Allowed,
            content: None,
        };
        let held = AttemptFinding { kind: FindingKind::CiFile, standing: Standing::Held, ..one.clone() };
        let mut all = vec![one; findings - 1];
        all.push(held);
        Attempt { number: 2, findings: all, finding_count: count, ..Attempt::default() }
    }

    #[test]
    fn what_is_held_comes_first_and_what_is_too_much_is_counted() {
        let lines = lines(&attempt(100, 150));
        assert!(lines[0].starts_with("  CI file ") && lines[0].ends_with("(held)"), "{}", lines[0]);
        assert_eq!((lines.len(), lines[20].as_str()), (21, "  … 130 more; see them with `--json`, or in `ampx logs`"));
        assert_eq!(
            headline(&attempt(100, 150)),
            "the gate found in attempt 2: 99 weakened tests, 1 changed CI file and 50 more"
        );
        assert_eq!(super::lines(&attempt(1, 1)).len(), 1);
    }

    #[test]
    fn a_hostile_name_does_nothing_to_a_terminal() {
        let lines = lines(&attempt(2, 2));
        assert!(lines.iter().all(|line| line.chars().all(|c| !c.is_control() && c != '\u{202e}')), "{lines:?}");
        assert_eq!(lines[1], "  weakened  tests/x\u{fffd}.py :3: `test_b` demands less (allowed)");
    }
}
