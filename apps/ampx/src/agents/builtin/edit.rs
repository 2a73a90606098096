use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::files::{MAX_FILE_BYTES, text, within};

/// How many places of a text are told.
const MOST_PLACES: usize = 10;
/// How the mark of a redacted secret begins.
const REDACTED: &str = "<SECRET_HASH_";

/// Replaces a text that stands in the file exactly once, or everywhere; without one, makes a new file.
pub(super) fn edit(tree: &Path, path: &str, old: &str, new: &str, all: bool) -> Result<String, String> {
    let full = within(tree, path)?;
    let failed = |error: io::Error| format!("`{path}` cannot be written: {error}");
    if old.is_empty() {
        return make(&full, path, new);
    }
    if old == new {
        return Err("`old` and `new` are the same, so nothing would change".to_owned());
    }
    let before = text(tree, path)?;
    let Some((after, times)) = replaced(&before, old, new, all) else {
        return Err(not_once(&String::from_utf8_lossy(&before), path, old));
    };
    if after.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("`{path}` would be too large"));
    }
    // Written in place, so that the file's mode stays.
    fs::write(&full, after).map_err(failed)?;
    Ok(if times == 1 { format!("edited `{path}`") } else { format!("edited `{path}` in {times} places") })
}

fn make(full: &Path, path: &str, new: &str) -> Result<String, String> {
    let failed = |error: io::Error| format!("`{path}` cannot be written: {error}");
    if fs::symlink_metadata(full).is_ok() {
        return Err(format!("`{path}` is there already; give the text to replace"));
    }
    if new.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("`{path}` would be too large"));
    }
    if let Some(folder) = full.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(full, new).map_err(failed)?;
    if new.starts_with("#!") {
        fs::set_permissions(full, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    Ok(format!("made `{path}`"))
}

/// The file with `new` for `old` and how often, where that is once or everywhere is wanted. Models write line breaks as
/// `\n`, also for a file that has `\r\n`.
fn replaced(before: &[u8], old: &str, new: &str, all: bool) -> Option<(Vec<u8>, usize)> {
    let windows = |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n");
    let tries = [(old.to_owned(), new.to_owned()), (windows(old), windows(new))];
    let (old, new, places) = tries.into_iter().find_map(|(old, new)| {
        let places = places(before, old.as_bytes());
        (!places.is_empty()).then_some((old, new, places))
    })?;
    if places.len() > 1 && !all {
        return None;
    }
    let (mut after, mut from) = (Vec::with_capacity(before.len() + new.len()), 0);
    // A break that is new among those of the file is one of its kind.
    let new =
        if before.windows(2).any(|pair| pair == b"\r\n") && !has_bare_break(before) { windows(&new) } else { new };
    for at in &places {
        after.extend_from_slice(&before[from..*at]);
        after.extend_from_slice(new.as_bytes());
        from = at + old.len();
    }
    after.extend_from_slice(&before[from..]);
    Some((after, places.len()))
}

/// Whether a line ends in `\n` alone.
fn has_bare_break(text: &[u8]) -> bool {
    let mut last = 0;
    text.iter().any(|byte| {
        let bare = *byte == b'\n' && last != b'\r';
        last = *byte;
        bare
    })
}

/// Where `wanted` begins, without overlaps.
fn places(text: &[u8], wanted: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].windows(wanted.len()).position(|part| part == wanted) {
        found.push(from + at);
        from += at + wanted.len();
    }
    found
}

/// Why an edit does not hold, with what helps to make it hold.
fn not_once(before: &str, path: &str, old: &str) -> String {
    let before = before.replace("\r\n", "\n");
    let old = old.replace("\r\n", "\n");
    let lines: Vec<usize> =
        before.match_indices(&old).map(|(at, _)| before[..at].matches('\n').count() + 1).take(MOST_PLACES).collect();
    if !lines.is_empty() {
        let lines = listed(&lines);
        return format!(
            "the text to replace stands in `{path}` more than once, at {lines}; give more of what is around it"
        );
    }
    let alike = alike(&before, &old);
    if !alike.is_empty() {
        let lines = listed(&alike);
        return format!("the text to replace is not in `{path}`; but for its white space it is, at {lines}: read that");
    }
    if old.contains(REDACTED) {
        let told = "stands for a secret that you are not shown: leave its line out";
        return format!("the text to replace is not in `{path}`; `{REDACTED}n>` {told}");
    }
    format!("the text to replace is not in `{path}`; read the file again, and give it without line numbers")
}

/// The lines at which `old` stands, white space at both ends of each line aside.
fn alike(before: &str, old: &str) -> Vec<usize> {
    let wanted: Vec<&str> = old.trim_matches('\n').lines().map(str::trim).collect();
    if wanted.iter().all(|line| line.is_empty()) {
        return Vec::new();
    }
    let lines: Vec<&str> = before.lines().map(str::trim).collect();
    let found = (1..).zip(lines.windows(wanted.len())).filter(|(_, part)| *part == wanted.as_slice());
    found.map(|(number, _)| number).take(MOST_PLACES).collect()
}

fn listed(lines: &[usize]) -> String {
    let numbers: Vec<String> = lines.iter().map(usize::to_string).collect();
    format!("line {}", numbers.join(", "))
}

/// Removes a file.
pub(super) fn delete(tree: &Path, path: &str) -> Result<String, String> {
    let full = within(tree, path)?;
    if !full.is_file() {
        return Err(format!("there is no file `{path}`"));
    }
    fs::remove_file(&full).map_err(|error| format!("`{path}` cannot be deleted: {error}"))?;
    Ok(format!("deleted `{path}`"))
}

/// Gives a file another name.
pub(super) fn rename(tree: &Path, from: &str, to: &str) -> Result<String, String> {
    let (old, new) = (within(tree, from)?, within(tree, to)?);
    if !old.is_file() {
        return Err(format!("there is no file `{from}`"));
    }
    if fs::symlink_metadata(&new).is_ok() {
        return Err(format!("`{to}` is there already"));
    }
    let folder = new.parent().map_or(Ok(()), fs::create_dir_all);
    let renamed = folder.and_then(|()| fs::rename(&old, &new));
    renamed.map_err(|error| format!("`{from}` cannot be renamed to `{to}`: {error}"))?;
    Ok(format!("renamed `{from}` to `{to}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(tree: &Path, path: &str, old: &str, new: &str) -> Result<String, String> {
        edit(tree, path, old, new, false)
    }

    #[test]
    fn an_edit_is_exact_and_stays_in_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        let tree = tree.path();
        fs::write(tree.join("run.sh"), "echo a\necho b\n").unwrap();
        fs::set_permissions(tree.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("/tmp", tree.join("link")).unwrap();
        assert!(once(tree, "run.sh", "echo", "print").unwrap_err().contains("more than once, at line 1, 2;"));
        assert!(once(tree, "run.sh", "echo c", "x").unwrap_err().contains("not in"));
        assert!(once(tree, "run.sh", "", "x").unwrap_err().contains("already"));
        assert!(once(tree, "run.sh", "echo a", "echo a").unwrap_err().contains("the same"));
        assert!(once(tree, "gone", "echo", "x").unwrap_err().contains("no file"));
        once(tree, "run.sh", "echo b", "echo c").unwrap();
        assert_eq!(fs::read_to_string(tree.join("run.sh")).unwrap(), "echo a\necho c\n");
        assert_eq!(fs::metadata(tree.join("run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(edit(tree, "run.sh", "echo", "print", true).unwrap(), "edited `run.sh` in 2 places");
        once(tree, "new/deep/file", "", "x").unwrap();
        once(tree, "script", "", "#!/bin/sh\n").unwrap();
        assert_eq!(fs::metadata(tree.join("script")).unwrap().permissions().mode() & 0o111, 0o111);
        for path in ["../x", "/tmp/x", "link/x", "link", ".git/hooks/pre-commit", ""] {
            assert!(once(tree, path, "", "x").is_err(), "{path}");
            assert!(delete(tree, path).is_err(), "{path}");
            assert!(rename(tree, "run.sh", path).is_err() && rename(tree, path, "y").is_err(), "{path}");
        }
        assert!(once(tree, "large", "", &"x".repeat(MAX_FILE_BYTES as usize + 1)).is_err());
        rename(tree, "new/deep/file", "other/place").unwrap();
        assert!(rename(tree, "other/place", "run.sh").unwrap_err().contains("already"));
        delete(tree, "other/place").unwrap();
        assert!(!tree.join("other/place").exists() && !tree.join("new/deep/file").exists());
    }

    #[test]
    fn line_breaks_and_bytes_of_the_file_stay_as_they_are() {
        let tree = tempfile::tempdir().unwrap();
        let tree = tree.path();
        let edited = |before: &[u8], old: &str, new: &str| {
            fs::write(tree.join("x"), before).unwrap();
            once(tree, "x", old, new).map(|_| fs::read(tree.join("x")).unwrap())
        };
        assert_eq!(edited(b"a\r\nb\r\nc\r\n", "a\nb", "a\nx\nb").unwrap(), b"a\r\nx\r\nb\r\nc\r\n");
        assert_eq!(edited(b"a\r\nb\r\n", "b", "b\nc").unwrap(), b"a\r\nb\r\nc\r\n");
        assert_eq!(edited(b"a\r\nb\n", "b", "b\nc").unwrap(), b"a\r\nb\nc\n", "mixed already");
        assert_eq!(edited(b"gr\xfc\xdfe = 1\n", "= 1", "= 2").unwrap(), b"gr\xfc\xdfe = 2\n");
        assert_eq!(edited("\u{feff}ä = 1\n".as_bytes(), "ä = 1", "ö = 1").unwrap(), "\u{feff}ö = 1\n".as_bytes());
        assert_eq!(edited(b"", "x", "y").unwrap_err(), not_once("", "x", "x"));
        assert!(edited(b"\0\x01", "x", "y").unwrap_err().contains("not a text file"));
    }

    #[test]
    fn a_miss_says_what_helps() {
        let file = "fn a() {\n    one();\n}\n\nfn b() {\n    one();\n}\n";
        assert!(not_once(file, "x", "one();\n}").contains("more than once, at line 2, 6;"));
        assert!(not_once(file, "x", "fn b() {\n\tone();\n}").contains("white space it is, at line 5:"));
        assert!(not_once(file, "x", "    2  one();").contains("without line numbers"));
        assert!(not_once(file, "x", "key = \"<SECRET_HASH_3>\"").contains("a secret that you are not shown"));
        assert!(not_once(file, "x", "\n \n").contains("not in `x`"));
    }
}
