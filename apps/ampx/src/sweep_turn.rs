//! The turns of a sweep, which moves work folders away, and of runs that begin to use theirs.

use std::fs;
use std::io;

use opsmith_forge::git::GitError;

use crate::{Ampx, AmpxError};

/// Locked by whoever looks at a run and moves its folder away. A file of this data folder and not a turn of the
/// database: ending processes takes its time, and nobody else has to wait for it.
const LOCK: &str = "sweep.lock";

/// Waits for a sweep that may have looked at a run before it came here and is about to move its folder. Whoever looks
/// later sees that the run is here.
pub(crate) async fn let_pass(ampx: &Ampx) -> Result<(), AmpxError> {
    turn(ampx).await.map(drop)
}

/// Gives the turn, until what is returned is dropped.
pub(crate) async fn turn(ampx: &Ampx) -> Result<fs::File, AmpxError> {
    let path = ampx.work_root.with_file_name(LOCK);
    let failed = |source| GitError::io(format!("lock `{}`", path.display()), source);
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    Ok(locked.map_err(io::Error::other).and_then(|locked| locked).map_err(failed)?)
}
