use std::path::Path;

use regex::{Regex, RegexBuilder};

use super::files::{is_binary, walk, whole, within};

const MAX_MATCHES: usize = 200;
const MAX_LINE_CHARS: usize = 300;
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
    let (mut left, mut too_large) = (MAX_READ_BYTES, 0);
    let mut look = |file: &Path| {
        match lines(tree, file, &pattern, &mut found) {
            Some(read) => left = left.saturating_sub(read),
            None => too_large += 1,
        }
        left > 0 && found.len() < MAX_MATCHES
    };
    let complete = if below.is_file() {
        look(&below);
        true
    } else {
        walk(&below, &mut look)
    };
    let cut = !complete || left == 0 || found.len() >= MAX_MATCHES;
    let mut told = match (found.is_empty(), cut) {
        (true, true) => "nothing is found so far; narrow the path".to_owned(),
        (true, false) => "nothing is found".to_owned(),
        (false, true) => found.join("\n") + "\n(and more; narrow the pattern or the path)",
        (false, false) => found.join("\n"),
    };
    if too_large > 0 {
        told += &format!("\n({too_large} files are too large to be searched)");
    }
    Ok(told)
}

/// Adds a file's lines; gives how many bytes it has read, `None` of a file that is too large.
fn lines(tree: &Path, file: &Path, pattern: &Regex, found: &mut Vec<String>) -> Option<u64> {
    // One that has vanished has no lines.
    let bytes = whole(file).unwrap_or_else(|_| Some(Vec::new()))?;
    let read = bytes.len() as u64;
    if is_binary(&bytes) {
        return Some(read);
    }
    let text = String::from_utf8_lossy(&bytes);
    let name = file.strip_prefix(tree).unwrap_or(file).display();
    let room = MAX_MATCHES.saturating_sub(found.len());
    let hits = (1..).zip(text.lines()).filter(|(_, line)| pattern.is_match(line)).take(room);
    found.extend(hits.map(|(number, line)| {
        let line: String = line.chars().take(MAX_LINE_CHARS).collect();
        format!("{name}:{number}:{line}")
    }));
    Some(read)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::files::MAX_FILE_BYTES;
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

    #[test]
    fn other_encodings_are_searched_and_what_is_not_is_told() {
        let tree = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(tree.path().join(name), bytes).unwrap();
        write("latin", b"gr\xfc\xdfe here\n");
        write("blob", b"here\0");
        write("large", &vec![b'x'; MAX_FILE_BYTES as usize + 1]);
        let found = search(tree.path(), "here", "").unwrap();
        assert_eq!(found, "latin:1:gr\u{fffd}\u{fffd}e here\n(1 files are too large to be searched)");
    }
}
