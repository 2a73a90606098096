//! Reading the tree: only what is in it, never through a link, and never more than a model can read.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// A larger file is no source.
const MAX_FILE_BYTES: u64 = 2 << 20;
/// The most of a file in one answer.
const MAX_SHOWN_BYTES: usize = 48 << 10;
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

/// A text file as a whole.
pub(super) fn text(tree: &Path, path: &str) -> Result<String, String> {
    let full = within(tree, path)?;
    let found = fs::symlink_metadata(&full).map_err(|_| format!("there is no file `{path}`"))?;
    if !found.is_file() {
        return Err(format!("`{path}` is not a file"));
    }
    let file = fs::File::open(&full).map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("`{path}` is larger than {} MiB", MAX_FILE_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|_| format!("`{path}` is not a text file in UTF-8"))
}

/// Some lines of a file, each with its number.
pub(super) fn read(tree: &Path, path: &str, from_line: usize, lines: Option<usize>) -> Result<String, String> {
    let text = text(tree, path)?;
    let total = text.lines().count();
    let first = from_line.max(1);
    let mut shown = String::new();
    let mut last = first - 1;
    for (number, line) in (1..).zip(text.lines()).skip(first - 1).take(lines.unwrap_or(usize::MAX)) {
        if shown.len() + line.len() > MAX_SHOWN_BYTES {
            break;
        }
        shown += &format!("{number:>5}  {line}\n");
        last = number;
    }
    if total == 0 {
        return Ok(format!("`{path}` is empty"));
    }
    if last < first {
        return Err(format!("`{path}` has {total} lines; line {first} is not there or too long to show"));
    }
    if last < total {
        shown += &format!("({} more lines; go on with from_line {})\n", total - last, last + 1);
    }
    Ok(shown)
}

/// The files below a folder, one a line.
pub(super) fn list(tree: &Path, path: &str) -> Result<String, String> {
    let folder = within(tree, path)?;
    if !folder.is_dir() {
        return Err(format!("there is no folder `{path}`"));
    }
    let mut names = Vec::new();
    walk(&folder, &mut |file| {
        names.push(file.strip_prefix(tree).unwrap_or(file).display().to_string());
        true
    });
    names.sort();
    let all = names.len();
    names.truncate(MAX_LISTED);
    let mut shown = names.join("\n");
    if all > MAX_LISTED {
        shown += &format!("\n({} more files; list a folder of them)", all - MAX_LISTED);
    }
    Ok(if shown.is_empty() { "there are no files".to_owned() } else { shown })
}

/// Visits each file below a folder until `visit` says no; leaves out links, git's folder and installed packages.
pub(super) fn walk(folder: &Path, visit: &mut dyn FnMut(&Path) -> bool) {
    const LEFT_OUT: [&str; 4] = [".git", "node_modules", "target", "__pycache__"];
    let mut folders = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            let Ok(kind) = entry.file_type() else { continue };
            let left_out = LEFT_OUT.iter().any(|name| entry.file_name() == *name);
            if kind.is_dir() && !left_out {
                folders.push(entry.path());
            } else if seen > MAX_WALKED || (kind.is_file() && !visit(&entry.path())) {
                return;
            }
        }
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
        fs::write(tree.path().join("blob"), [0xff, 0xfe]).unwrap();
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
}
