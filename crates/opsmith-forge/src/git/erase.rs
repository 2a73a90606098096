use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::GitError;

/// Removes a file or a folder with all in it, whatever an agent made of it: folders it closed to us are opened
/// first, symlinks are removed and never followed, and nesting deeper than a path may be long is flattened.
///
/// Only for what no process writes to any more. It is no error that there is nothing.
pub(crate) async fn erase(path: PathBuf) -> Result<(), GitError> {
    let what = format!("remove `{}`", path.display());
    let erased = tokio::task::spawn_blocking(move || erase_now(&path)).await;
    erased.unwrap_or_else(|panic| Err(io::Error::other(panic))).map_err(|error| GitError::io(what, error))
}

/// Lets us read, enter and change the folder, unless it is none.
pub(super) fn open_up(folder: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(folder)?;
    let mode = meta.permissions().mode();
    if meta.is_dir() && mode & 0o700 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode | 0o700))?;
    }
    Ok(())
}

fn erase_now(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(meta) if !meta.is_dir() => return fs::remove_file(path),
        Ok(_) => open_up(path)?,
    }
    let mut pending = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            pending.push(entry.path());
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    let mut next = 0;
    while let Some(folder) = pending.pop() {
        open_up(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                let raised = free_name(path, &mut next)?;
                // A folder that moves to another parent is written to: its `..` changes.
                open_up(&entry.path())?;
                fs::rename(entry.path(), &raised)?;
                pending.push(raised);
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir(&folder)?;
    }
    fs::remove_dir(path)
}

fn free_name(folder: &Path, next: &mut u64) -> io::Result<PathBuf> {
    loop {
        let name = folder.join(format!(".erase-{next}"));
        *next += 1;
        match fs::symlink_metadata(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
}
