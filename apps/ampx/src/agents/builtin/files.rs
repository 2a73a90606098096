//! Reading the tree: only what is in it, never through a link, and never more than a model can read.

use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::OFlag;

/// A larger file is no source.
pub(super) const MAX_FILE_BYTES: u64 = 8 << 20;
/// The most of a file in one answer.
const MAX_SHOWN_BYTES: usize = 48 << 10;
/// The most of one line; minified files have but one.
const MAX_LINE_CHARS: usize = 2_000;
const MAX_LISTED: usize = 500;
/// How much of a tree is walked.
const MAX_WALKED: usize = 50_000;

/// The path in the tree, which may be missing; refuses `..`, absolute paths, git's folder, and links on the way.
pub(super) fn within(tree: &Path, path: &str) -> Result<PathBuf, String> {
    let mut full = tree.to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) if name.eq_ignore_ascii_case(".git") => {
                return Err(format!("`{path}` is git's own"));
            }
            Component::Normal(name) => {
                full.push(name);
                if fs::symlink_metadata(&full).is_ok_and(|found| found.is_symlink()) {
                    return Err(format!("`{path}` leads through a symbolic link"));
                }
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("`{path}` is not a path within the repository"));
            }
        }
    }
    Ok(full)
}

/// A text file as a whole, in whatever encoding.
pub(super) fn text(tree: &Path, path: &str) -> Result<Vec<u8>, String> {
    let full = within(tree, path)?;
    let found = fs::symlink_metadata(&full).map_err(|_| format!("there is no file `{path}`"))?;
    if !found.is_file() {
        return Err(format!("`{path}` is not a file"));
    }
    let bytes = whole(&full).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    match bytes {
        None => Err(format!("`{path}` is larger than {} MiB", MAX_FILE_BYTES >> 20)),
        Some(bytes) if is_binary(&bytes) => Err(format!("`{path}` is not a text file, but {} bytes", bytes.len())),
        Some(bytes) => Ok(bytes),
    }
}

/// What a regular file has; `None` where that is too much.
pub(super) fn whole(file: &Path) -> std::io::Result<Option<Vec<u8>>> {
    // What was put in its place a moment ago is neither followed nor waited for.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some(bytes))
}

pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.contains(&0)
}

/// Some lines of a file, each with its number.
pub(super) fn read(tree: &Path, path: &str, from_line: usize, lines: Option<usize>) -> Result<String, String> {
    let bytes = text(tree, path)?;
    let text = String::from_utf8_lossy(&bytes);
    let total = text.lines().count();
    let first = from_line.max(1);
    let mut shown = String::new();
    let mut last = first - 1;
    for (number, line) in (1..).zip(text.lines()).skip(first - 1).take(lines.unwrap_or(usize::MAX)) {
        if shown.len() + line.len().min(4 * MAX_LINE_CHARS) > MAX_SHOWN_BYTES {
            break;
        }
        shown += &format!("{number:>5}  {}\n", beginning(line));
        last = number;
    }
    if total == 0 {
        return Ok(format!("`{path}` is empty"));
    }
    if last < first {
        return Err(format!("`{path}` has {total} lines; line {first} is not there"));
    }
    if last < total {
        shown += &format!("({} more lines; go on with from_line {})\n", total - last, last + 1);
    }
    if std::str::from_utf8(&bytes).is_err() {
        shown += "(not UTF-8: each \u{fffd} stands for bytes that are something else; leave them out of edits)\n";
    }
    Ok(shown)
}

/// A line, as much of it as is worth showing.
fn beginning(line: &str) -> String {
    match line.char_indices().nth(MAX_LINE_CHARS) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}… ({} more characters)", &line[..at], line[at..].chars().count()),
    }
}

/// The files below a folder, one a line.
pub(super) fn list(tree: &Path, path: &str) -> Result<String, String> {
    let folder = within(tree, path)?;
    if !folder.is_dir() {
        return Err(format!("there is no folder `{path}`"));
    }
    let mut names = Vec::new();
    let complete = walk(&folder, &mut |file| {
        names.push(file.strip_prefix(tree).unwrap_or(file).display().to_string());
        true
    });
    names.sort();
    let all = names.len();
    names.truncate(MAX_LISTED);
    let mut shown = names.join("\n");
    if all > MAX_LISTED || !complete {
        let at_least = if complete { "" } else { "at least " };
        shown += &format!("\n({at_least}{} more files; list a folder of them)", all.saturating_sub(MAX_LISTED));
    }
    Ok(if shown.is_empty() { "there are no files".to_owned() } else { shown })
}

/// Visits each file below a folder until `visit` says no; leaves out links, git's folder and what is built or installed.
/// False where there are too many to visit.
pub(super) fn walk(folder: &Path, visit: &mut dyn FnMut(&Path) -> bool) -> bool {
    let mut folders = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MAX_WALKED {
                return false;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !is_left_out(&entry.path()) {
                    folders.push(entry.path());
                }
            } else if kind.is_file() && !visit(&entry.path()) {
                return true;
            }
        }
    }
    true
}

/// Git's own folder, installed packages, and what a build makes beside its description.
fn is_left_out(folder: &Path) -> bool {
    let beside = |name: &str| folder.with_file_name(name).exists();
    match folder.file_name().and_then(|name| name.to_str()) {
        Some(".git" | "node_modules" | "__pycache__" | ".venv") => true,
        // Elsewhere it may be a folder of sources.
        Some("target") => beside("Cargo.toml") || beside("pom.xml"),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("src/.git")).unwrap();
        fs::write(tree.path().join("src/lib.rs"), "one\ntwo\nthree\n").unwrap();
        fs::write(tree.path().join("src/.git/config"), "x").unwrap();
        fs::write(tree.path().join("blob"), [0xff, 0x00]).unwrap();
        std::os::unix::fs::symlink("/etc", tree.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("src/lib.rs", tree.path().join("lib")).unwrap();
        tree
    }

    #[test]
    fn nothing_beside_the_tree_is_read() {
        let tree = tree();
        for path in ["/etc/passwd", "../x", "src/../../x", "etc/passwd", "lib", "src/.git/config", ".GIT/config", "no"]
        {
            assert!(read(tree.path(), path, 1, None).is_err(), "{path}");
        }
        assert!(list(tree.path(), "etc").is_err());
        assert!(read(tree.path(), "blob", 1, None).unwrap_err().contains("not a text file"));
        assert!(read(tree.path(), "src", 1, None).unwrap_err().contains("not a file"));
        let pipe = tree.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read(tree.path(), "pipe", 1, None).unwrap_err().contains("not a file"));
        assert!(whole(&pipe).is_err() && whole(&tree.path().join("lib")).is_err(), "not waited for, not followed");
    }

    #[test]
    fn lines_are_numbered_and_what_is_left_out_is_said() {
        let tree = tree();
        assert_eq!(
            read(tree.path(), "./src/lib.rs", 2, Some(1)).unwrap(),
            "    2  two\n(1 more lines; go on with from_line 3)\n"
        );
        assert!(read(tree.path(), "src/lib.rs", 4, None).unwrap_err().contains("3 lines"));
        assert_eq!(list(tree.path(), "").unwrap(), "blob\nsrc/lib.rs");
        fs::write(tree.path().join("long"), "x\n".repeat(100_000)).unwrap();
        let shown = read(tree.path(), "long", 1, None).unwrap();
        assert!(shown.len() < 500_000 && shown.ends_with(")\n"), "{}", shown.len());
    }

    #[test]
    fn long_lines_other_encodings_and_large_files_are_told() {
        let tree = tree();
        let write = |name: &str, bytes: &[u8]| fs::write(tree.path().join(name), bytes).unwrap();
        write("minified.js", "ü".repeat(100_000).as_bytes());
        let shown = read(tree.path(), "minified.js", 1, None).unwrap();
        assert!(shown.ends_with("ü… (98000 more characters)\n"), "{}", shown.len());
        write("latin", b"gr\xfc\xdfe\r\nzwei\r\n");
        let shown = read(tree.path(), "latin", 1, None).unwrap();
        assert!(shown.starts_with("    1  gr\u{fffd}\u{fffd}e\n    2  zwei\n(not UTF-8"), "{shown}");
        write("large", &vec![b'x'; MAX_FILE_BYTES as usize + 1]);
        assert!(read(tree.path(), "large", 1, None).unwrap_err().contains("larger than 8 MiB"));
        write("empty", b"");
        assert!(read(tree.path(), "empty", 1, None).unwrap().contains("is empty"));
    }

    #[test]
    fn what_is_built_is_left_out_and_sources_of_that_name_are_not() {
        let tree = tempfile::tempdir().unwrap();
        for file in ["Cargo.toml", "target/debug/x", "src/target/arm.rs", ".venv/lib/y", "node_modules/z"] {
            let file = tree.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        assert_eq!(list(tree.path(), "").unwrap(), "Cargo.toml\nsrc/target/arm.rs");
    }
}
