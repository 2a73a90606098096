use std::fs;
use std::path::Path;

use super::files::{text, within};

/// What one edit may write.
const MAX_FILE_BYTES: usize = 2 << 20;

/// Replaces a text that stands in the file exactly once; without one, makes a new file.
pub(super) fn edit(tree: &Path, path: &str, old: &str, new: &str) -> Result<String, String> {
    let full = within(tree, path)?;
    let failed = |error: std::io::Error| format!("`{path}` cannot be written: {error}");
    if old.is_empty() {
        if fs::symlink_metadata(&full).is_ok() {
            return Err(format!("`{path}` is there already; give the text to replace"));
        }
        if new.len() > MAX_FILE_BYTES {
            return Err(format!("`{path}` would be too large"));
        }
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(&full, new).map_err(failed)?;
        return Ok(format!("made `{path}`"));
    }
    let before = text(tree, path)?;
    match before.matches(old).count() {
        0 => Err(format!("the text to replace is not in `{path}`; read the file again")),
        1 if before.len() - old.len() + new.len() > MAX_FILE_BYTES => Err(format!("`{path}` would be too large")),
        1 => {
            // Written in place, so that the file's mode stays.
            fs::write(&full, before.replacen(old, new, 1)).map_err(failed)?;
            Ok(format!("edited `{path}`"))
        }
        times => Err(format!("the text to replace stands in `{path}` {times} times; give more of what is around it")),
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_edit_is_exact_and_stays_in_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        let tree = tree.path();
        fs::write(tree.join("run.sh"), "echo a\necho b\n").unwrap();
        fs::set_permissions(tree.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("/tmp", tree.join("link")).unwrap();
        assert!(edit(tree, "run.sh", "echo", "print").unwrap_err().contains("2 times"));
        assert!(edit(tree, "run.sh", "echo c", "x").unwrap_err().contains("not in"));
        assert!(edit(tree, "run.sh", "", "x").unwrap_err().contains("already"));
        edit(tree, "run.sh", "echo b", "echo c").unwrap();
        assert_eq!(fs::read_to_string(tree.join("run.sh")).unwrap(), "echo a\necho c\n");
        assert_eq!(fs::metadata(tree.join("run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
        edit(tree, "new/deep/file", "", "x").unwrap();
        for path in ["../x", "/tmp/x", "link/x", "link", ".git/hooks/pre-commit", ""] {
            assert!(edit(tree, path, "", "x").is_err(), "{path}");
            assert!(delete(tree, path).is_err(), "{path}");
        }
        assert!(edit(tree, "large", "", &"x".repeat(MAX_FILE_BYTES + 1)).is_err());
        delete(tree, "new/deep/file").unwrap();
        assert!(!tree.join("new/deep/file").exists());
    }
}
