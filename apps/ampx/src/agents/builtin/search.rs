use std::fs;
use std::path::Path;

use regex::{Regex, RegexBuilder};

use super::files::{walk, within};

const MAX_MATCHES: usize = 200;
const MAX_LINE_CHARS: usize = 300;
/// A larger file is no source.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How much is read for one search.
const MAX_READ_BYTES: u64 = 256 << 20;
/// A pattern that compiles to more is refused.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// The lines that a regular expression finds below a path, each with its place.
pub(super) fn search(tree: &Path, pattern: &str, path: &str) -> Result<String, String> {
    let pattern = RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build();
    let pattern = pattern.map_err(|error| format!("the pattern is not a regular expression: {error}"))?;
    let below = within(tree, path)?;
    let mut found = Vec::new();
    let mut left = MAX_READ_BYTES;
    let mut look = |file: &Path| {
        left = left.saturating_sub(lines(tree, file, &pattern, &mut found));
        left > 0 && found.len() < MAX_MATCHES
    };
    if below.is_file() {
        look(&below);
    } else {
        walk(&below, &mut look);
    }
    let cut = left == 0 || found.len() >= MAX_MATCHES;
    found.truncate(MAX_MATCHES);
    if found.is_empty() {
        let how = if cut { "nothing is found so far; narrow the path" } else { "nothing is found" };
        return Ok(how.to_owned());
    }
    let more = if cut { "\n(and more; narrow the pattern or the path)" } else { "" };
    Ok(found.join("\n") + more)
}

/// Adds a file's lines; gives how many bytes it has read.
fn lines(tree: &Path, file: &Path, pattern: &Regex, found: &mut Vec<String>) -> u64 {
    if fs::symlink_metadata(file).is_ok_and(|meta| meta.len() > MAX_FILE_BYTES) {
        return 0;
    }
    let Ok(bytes) = fs::read(file) else { return 0 };
    let read = bytes.len() as u64;
    let Ok(text) = String::from_utf8(bytes) else { return read };
    let name = file.strip_prefix(tree).unwrap_or(file).display();
    let hits = (1..).zip(text.lines()).filter(|(_, line)| pattern.is_match(line)).take(MAX_MATCHES - found.len());
    found.extend(hits.map(|(number, line)| {
        let line: String = line.chars().take(MAX_LINE_CHARS).collect();
        format!("{name}:{number}:{line}")
    }));
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_the_tree_alone() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("src")).unwrap();
        fs::create_dir_all(tree.path().join("node_modules")).unwrap();
        fs::write(tree.path().join("src/a.rs"), "fn add() {}\nfn sub() {}\n").unwrap();
        fs::write(tree.path().join("node_modules/b.js"), "fn add() {}\n").unwrap();
        std::os::unix::fs::symlink("src", tree.path().join("link")).unwrap();
        assert_eq!(search(tree.path(), r"fn \w+dd", "").unwrap(), "src/a.rs:1:fn add() {}");
        assert_eq!(search(tree.path(), "sub", "src/a.rs").unwrap(), "src/a.rs:2:fn sub() {}");
        assert_eq!(search(tree.path(), "nowhere", "").unwrap(), "nothing is found");
        assert!(search(tree.path(), "(", "").unwrap_err().contains("not a regular expression"));
        assert!(search(tree.path(), "x", "..").is_err());
        assert!(search(tree.path(), "x", "link").is_err());
        fs::write(tree.path().join("many"), "hit\n".repeat(1_000)).unwrap();
        assert_eq!(search(tree.path(), "hit", "").unwrap().lines().count(), MAX_MATCHES + 1);
    }
}
