//! Files stay short enough to read in one go; a longer one has its reason in `oversized.txt`.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::tree::File;

const MAX_LINES: usize = 600;
const COUNTED: &[&str] = &["rs", "ts", "tsx", "js", "css", "html", "sh", "py", "md"];
/// Where the reasons stand, as `path: reason`.
const REASONS: &str = "dev/xtask/oversized.txt";

/// Checks the length of each file against the limit, and each reason against the files.
pub fn check(files: &[File]) -> Vec<Finding> {
    let too_long: BTreeMap<&str, usize> = files
        .iter()
        .filter(|file| file.path.rsplit_once('.').is_some_and(|(_, extension)| COUNTED.contains(&extension)))
        .map(|file| (file.path.as_str(), file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .collect();
    let reasons = files.iter().find(|file| file.path == REASONS).map_or("", |file| file.text.as_str());
    let mut findings = Vec::new();
    let mut excused = Vec::new();
    for (index, line) in reasons.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (path, reason) = line.split_once(':').map_or((line, ""), |(path, reason)| (path.trim(), reason.trim()));
        if reason.is_empty() {
            findings.push(no_reason(path).at(index + 1));
        } else if !too_long.contains_key(path) {
            findings.push(stale(path).at(index + 1));
        }
        excused.push(path);
    }
    findings.extend(too_long.iter().filter(|(path, _)| !excused.contains(*path)).map(|(path, lines)| {
        Finding::of_file(
            path,
            format!("{lines} lines"),
            format!("a file has at most {MAX_LINES}"),
            format!("split it by what changes together, or give its reason in {REASONS}"),
        )
    }));
    findings
}

fn no_reason(path: &str) -> Finding {
    Finding::of_file(REASONS, format!("`{path}` has no reason"), "an exception says why", "write `path: reason`")
}

fn stale(path: &str) -> Finding {
    Finding::of_file(
        REASONS,
        format!("`{path}` needs no exception"),
        format!("it is not there, not counted, or within {MAX_LINES} lines"),
        "drop the entry",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> File {
        File { path: path.into(), text }
    }

    fn found(reasons: &str) -> Vec<String> {
        let files = [
            file("a/long.rs", "x\n".repeat(MAX_LINES + 1)),
            file("a/just.rs", "x\n".repeat(MAX_LINES)),
            file("a/data.json", "x\n".repeat(MAX_LINES * 2)),
            file(REASONS, reasons.into()),
        ];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_a_counted_file_over_the_limit_is_found() {
        let findings = found("# nothing\n\n");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("a/long.rs: 601 lines: a file has at most 600: "), "{findings:?}");
    }

    #[test]
    fn a_reason_excuses_and_an_empty_one_does_not_pass_in_silence() {
        assert_eq!(found("a/long.rs: one table, read as a whole\n"), Vec::<String>::new());
        let findings = found("a/long.rs:\n");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("dev/xtask/oversized.txt:1: `a/long.rs` has no reason"), "{findings:?}");
    }

    #[test]
    fn an_entry_that_excuses_nothing_is_stale() {
        for path in ["a/just.rs", "a/gone.rs", "a/data.json"] {
            let findings = found(&format!("a/long.rs: a table\n{path}: once long\n"));
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].contains(&format!("oversized.txt:2: `{path}` needs no exception")), "{findings:?}");
        }
    }
}
