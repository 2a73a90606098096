use std::path::Path;

use super::checkout::LONG;
use super::refs::object_id;
use super::{Git, GitError};

/// Reads no attributes: else a changed `.gitattributes` could declare a text binary and hide it from its readers.
const NO_ATTRIBUTES: &str = "GIT_ATTR_SOURCE";

/// The change from one commit or tree to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// The unified diff, renames found, at most as many bytes as asked for and then cut after a line.
    pub text: Vec<u8>,
    /// Whether there is more than `text`, or than the counts have seen.
    pub truncated: bool,
    /// How many files changed.
    pub files: u64,
    /// Lines added, those of binary files not counted.
    pub insertions: u64,
    /// Lines removed, likewise.
    pub deletions: u64,
}

/// The diff of two commits or trees in `git_dir`, as git's own engine sees it: no external diff, no textconv.
pub async fn diff(git: &Git, git_dir: &Path, base: &str, head: &str, max_bytes: usize) -> Result<Diff, GitError> {
    let (base, head) = (object_id(base)?, object_id(head)?);
    let command = |format: &[&str]| {
        git.work(git_dir)
            .args(["diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color"])
            .args(format)
            .args([base, head])
            .env(NO_ATTRIBUTES, empty_tree(base))
            .timeout(LONG)
    };
    let patch = command(&["-p"]).max_output(max_bytes).run().await?;
    let counts = command(&["--numstat", "-z"]).run().await?;
    let mut text = patch.stdout;
    if patch.truncated {
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1));
    }
    let (files, insertions, deletions) = count(&counts.stdout);
    Ok(Diff { text, truncated: patch.truncated || counts.truncated, files, insertions, deletions })
}

/// The tree without entries, which git knows without having it, in the format of `sha`.
fn empty_tree(sha: &str) -> &'static str {
    match sha.len() {
        64 => "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
        _ => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    }
}

/// Files, insertions and deletions of `--numstat -z`: `added TAB removed TAB path NUL`, and for a rename an empty
/// path followed by the old and the new one.
pub(super) fn count(numstat: &[u8]) -> (u64, u64, u64) {
    let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (mut files, mut insertions, mut deletions) = (0, 0_u64, 0_u64);
    let mut records = numstat.split(|byte| *byte == 0).filter(|record| !record.is_empty());
    while let Some(record) = records.next() {
        let mut fields = record.splitn(3, |byte| *byte == b'\t');
        let (Some(added), Some(removed), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            break;
        };
        files += 1;
        insertions = insertions.saturating_add(number(added));
        deletions = deletions.saturating_add(number(removed));
        if path.is_empty() {
            records.next();
            records.next();
        }
    }
    (files, insertions, deletions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_know_renames_binaries_and_odd_names() {
        let numstat = b"3\t1\ta\tb\n.rs\0-\t-\tlogo.png\x001\t0\t\0old\0new\x002\t2\tlast\0";
        assert_eq!(count(numstat), (4, 6, 3));
        assert_eq!(count(b""), (0, 0, 0));
    }
}
