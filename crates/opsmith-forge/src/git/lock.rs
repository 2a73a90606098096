use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::GitError;

/// Longer than the longest command that runs under the lock.
const PATIENCE: Duration = Duration::from_secs(900);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// Waits until no other process, and no other task of this one, holds `path`.
///
/// The lock ends with the file, so a killed process leaves none behind. Polled, as a thread that waits in the
/// kernel could not be cancelled.
pub(super) async fn lock(path: &Path) -> Result<File, GitError> {
    let failed = |error| GitError::io(format!("lock `{}`", path.display()), error);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    let wait = async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK_AGAIN).await,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    };
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(locked) => locked.map(|()| file),
        Err(_) => Err(failed(io::ErrorKind::TimedOut.into())),
    }
}

/// Removes what a killed git left in a bare repository: lock files, which would make every later fetch fail, and
/// half-received packs.
///
/// Only under the repository's [`lock`].
pub(super) fn sweep(git_dir: &Path) -> io::Result<()> {
    sweep_folder(git_dir, false, &|name| name.ends_with(".lock"))?;
    sweep_folder(&git_dir.join("refs"), true, &|name| name.ends_with(".lock"))?;
    sweep_folder(&git_dir.join("objects/pack"), false, &|name| name.starts_with("tmp_"))
}

fn sweep_folder(folder: &Path, deep: bool, left_over: &dyn Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if deep && entry.file_type()?.is_dir() {
            sweep_folder(&entry.path(), true, left_over)?;
        } else if left_over(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
