//! The form of a commit's subject: `area: Imperative subject`.

use crate::finding::Finding;

const MAX_CHARS: usize = 72;
const FORM: &str = "a subject reads `area: Imperative subject`, such as `runs: Take over a dead worker's runs`";

/// Verbs that often come in another mood.
const VERBS: &[&str] = &[
    "add",
    "allow",
    "change",
    "check",
    "correct",
    "delete",
    "document",
    "drop",
    "extract",
    "fix",
    "handle",
    "implement",
    "improve",
    "introduce",
    "make",
    "merge",
    "move",
    "refactor",
    "remove",
    "rename",
    "replace",
    "rewrite",
    "show",
    "simplify",
    "split",
    "support",
    "test",
    "update",
    "use",
    "write",
];

/// Checks the text of a commit message, as git hands it to its hook.
pub fn check(message: &str) -> Vec<Finding> {
    let mut lines = message.lines().filter(|line| !line.starts_with('#'));
    let subject = lines.by_ref().find(|line| !line.trim().is_empty()).unwrap_or("");
    // Git words these itself, and an autosquash subject goes away with its rebase.
    if subject.starts_with("Merge ") || subject.starts_with("Revert \"") {
        return Vec::new();
    }
    let judged =
        ["fixup! ", "squash! ", "amend! "].iter().fold(subject, |s, prefix| s.strip_prefix(prefix).unwrap_or(s));
    let mut findings = faults(judged);
    if lines.next().is_some_and(|second| !second.trim().is_empty()) {
        findings.push(fault("the second line is not empty", "put an empty line between subject and body"));
    }
    findings
}

fn faults(subject: &str) -> Vec<Finding> {
    let Some((area, words)) = subject.split_once(": ") else {
        return vec![fault(
            format!("`{subject}` has no area"),
            "start with the room that changes, a colon and a space",
        )];
    };
    let mut findings = Vec::new();
    let mut find = |holds: bool, what: String, fix: &str| {
        if !holds {
            findings.push(fault(what, fix));
        }
    };
    let chars = subject.chars().count();
    find(chars <= MAX_CHARS, format!("{chars} characters"), "keep to 72: what and where here, why in the body");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_/,.".contains(c);
    find(
        !area.is_empty() && area.chars().all(plain),
        format!("the area `{area}`"),
        "write it in lower case, as the crate or folder is called",
    );
    find(words.starts_with(char::is_uppercase), format!("`{words}` starts small"), "start the subject with a capital");
    find(!words.ends_with('.'), "a full stop at the end".to_owned(), "drop it");
    let first = words.split_whitespace().next().unwrap_or("");
    find(
        !other_mood(first),
        format!("`{first}` is no imperative"),
        "say what the commit does when applied: Add, not Added or Adds",
    );
    findings
}

/// Whether `word` is one of the known verbs in the past, the third person or as a gerund.
fn other_mood(word: &str) -> bool {
    let word = word.to_lowercase();
    VERBS.iter().any(|verb| {
        let stem = verb.trim_end_matches(['e', 'y']);
        let ends = ["s", "es", "ies", "d", "ed", "ied", "ing"];
        let doubled = format!("{verb}{}", &verb[verb.len() - 1..]);
        word != *verb
            && [*verb, stem, doubled.as_str()]
                .iter()
                .any(|start| word.strip_prefix(start).is_some_and(|end| ends.contains(&end)))
    })
}

fn fault(what: impl Into<String>, fix: &str) -> Finding {
    Finding::of_file("commit message", what, FORM, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_the_form_pass() {
        for message in [
            "runs: Take over a dead worker's runs\n",
            "opsmith-guard: Chain the audit\n\nBefore, it was not.\n",
            "docs/ampx: Add the quickstart\n# a comment of git\n",
            "xtask: Useful words may start with a verb\n",
            "fixup! runs: Take over\n",
            "Merge branch 'main' of example.com:a/b\n",
            "Revert \"runs: Take over\"\n",
            "\n# first\nforge: Speed up fetches\n",
        ] {
            assert_eq!(check(message), [], "{message}");
        }
    }

    #[test]
    fn each_fault_is_named() {
        let long = format!("runs: T{}", "o".repeat(66));
        for (message, what) in [
            ("", "has no area"),
            ("Add things", "has no area"),
            ("Runs: Take over", "the area `Runs`"),
            ("the runs: Take over", "the area `the runs`"),
            (": Take over", "the area ``"),
            ("runs: take over", "starts small"),
            ("runs: Take over.", "a full stop"),
            ("runs: Added a lease", "`Added` is no imperative"),
            ("runs: Dropping leases", "`Dropping` is no imperative"),
            ("runs: Simplifies leases", "`Simplifies` is no imperative"),
            ("runs: Making leases", "`Making` is no imperative"),
            ("runs: Take over\nat once", "the second line is not empty"),
            (&long, "73 characters"),
        ] {
            let findings = check(message);
            assert_eq!(findings.len(), 1, "{message}: {findings:?}");
            assert!(findings[0].what.contains(what), "{message}: {findings:?}");
        }
    }
}
