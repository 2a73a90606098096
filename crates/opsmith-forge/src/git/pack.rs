use std::path::Path;
use std::time::Duration;

use super::refs::object_id;
use super::{Git, GitError};

const TIMEOUT: Duration = Duration::from_secs(300);

/// The commits of `head` that `base` has not, as bytes that [`unpack`] puts into another copy of the repository.
pub async fn pack(git: &Git, git_dir: &Path, base: &str, head: &str, max_bytes: usize) -> Result<Vec<u8>, GitError> {
    let (base, head) = (object_id(base)?, object_id(head)?);
    let command = git.work(git_dir).args(["pack-objects", "--stdout", "--revs", "--thin", "--quiet"]);
    let revisions = format!("{head}\n^{base}\n").into_bytes();
    let packed = command.stdin(revisions).timeout(TIMEOUT).max_output(max_bytes).run().await?;
    if packed.truncated {
        let what = format!("the change up to `{head}`, packed in bytes,");
        return Err(GitError::TooLarge { what, limit: max_bytes as u64 });
    }
    Ok(packed.stdout)
}

/// Puts packed commits into a repository that has their base; again does nothing more.
pub async fn unpack(git: &Git, git_dir: &Path, packed: Vec<u8>) -> Result<(), GitError> {
    let command = git.work(git_dir).args(["index-pack", "--stdin", "--fix-thin", "--strict"]);
    command.stdin(packed).timeout(TIMEOUT).run().await?;
    Ok(())
}
