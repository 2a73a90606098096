use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opsmith_model::{Clock, ErrorKind, Hint, RunId};

/// How many workers one data folder may serve at once.
const MOST_SLOTS: u32 = 64;

/// A worker's id, stable across restarts and held by a lock on a file of the data folder: no two live processes have
/// the same, and the kernel frees it however its holder ends.
#[derive(Clone, Debug)]
pub struct Identity {
    id: String,
    host: String,
    _lock: Option<Arc<File>>,
}

/// Why no id could be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The lock files cannot be made.
    #[error("failed to lock a worker id in `{folder}`")]
    Folder {
        /// Where the lock files are.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Every slot is taken.
    #[error("{MOST_SLOTS} workers use this data folder already")]
    Full,
}

impl Hint for IdentityError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => Some("check that `data_dir` can be written".to_owned()),
            Self::Full => Some("give this one a `data_dir` of its own".to_owned()),
        }
    }
}

impl Identity {
    /// Locks the first free id of the data folder, blocking only on file IO.
    ///
    /// The id is `<name>-<folder's own id>-<slot>`: two machines of one host name differ by their folder.
    pub fn lock(data_dir: &Path, name: Option<&str>, clock: &Clock) -> Result<Self, IdentityError> {
        let folder = data_dir.join("workers");
        let failed = |source| IdentityError::Folder { folder: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok()).unwrap_or_default();
        let name = name.unwrap_or(&host);
        let of_folder = folder_id(&folder.join("id"), clock).map_err(failed)?;
        for slot in 0..MOST_SLOTS {
            let path = folder.join(format!("{slot}.lock"));
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {
                    let id = format!("{name}-{of_folder}-{slot}");
                    return Ok(Self { id, host, _lock: Some(Arc::new(file)) });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        Err(IdentityError::Full)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether that worker's id was locked in the same data folder.
    pub fn shares_folder_with(&self, worker_id: &str) -> bool {
        // `<name>-<folder>-<slot>`; a name may have dashes of its own.
        let folder = |id: &str| id.rsplit('-').nth(1).map(str::to_owned);
        folder(&self.id) == folder(worker_id)
    }

    /// The machine's name.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// The data folder's own id, made on first use; of several makers one wins.
fn folder_id(path: &Path, clock: &Clock) -> io::Result<String> {
    let made = OpenOptions::new().write(true).create_new(true).open(path);
    if let Ok(mut file) = made {
        let id = RunId::new(clock.now()).to_string().to_lowercase();
        file.write_all(&id.as_bytes()[16..])?;
    }
    let mut id = String::new();
    File::open(path)?.read_to_string(&mut id)?;
    Ok(id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_holders_differ_and_a_restart_gets_the_same() {
        let folder = std::env::temp_dir().join(format!("opsmith-identity-{}", std::process::id()));
        let first = Identity::lock(&folder, Some("w"), &Clock::system()).unwrap();
        let second = Identity::lock(&folder, Some("w"), &Clock::system()).unwrap();
        assert_ne!(first.id(), second.id());
        assert!(second.shares_folder_with(first.id()) && !second.shares_folder_with("w-elsewhere-0"));
        let was = first.id().to_owned();
        drop(first);
        assert_eq!(Identity::lock(&folder, Some("w"), &Clock::system()).unwrap().id(), was);
        fs::remove_dir_all(folder).unwrap();
    }
}
