use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::ci::{CiError, CiJob};
use crate::git::{checkout_fresh, erase};

/// The folders of one check.
pub(super) struct Place {
    root: PathBuf,
}

impl Place {
    pub(super) async fn make(folder: &Path) -> Result<Self, CiError> {
        let failed = |source| CiError::Folder { folder: folder.to_owned(), source };
        erase(folder.to_owned()).await.map_err(|error| failed(io::Error::other(error)))?;
        for part in ["checkout", "home", "tmp"] {
            fs::create_dir_all(folder.join(part)).map_err(failed)?;
        }
        Ok(Self { root: folder.canonicalize().map_err(failed)? })
    }

    /// Takes the folders away; what cannot be removed goes with the next check at this place or the task's end.
    pub(super) async fn remove(self) {
        if let Err(error) = erase(self.root).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "CI folder not removed");
        }
    }

    /// Checks the job's commit out and gives the folder.
    pub(super) async fn check_out(&self, job: &CiJob<'_>) -> Result<PathBuf, CiError> {
        let checkout = self.checkout();
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => Err(CiError::Cancelled),
            done = checkout_fresh(job.git, job.git_dir, job.sha, &checkout) => match done {
                Ok(()) => Ok(checkout),
                Err(source) => Err(CiError::Checkout { sha: job.sha.to_owned(), source }),
            }
        }
    }

    /// Writes a file of ours beside the checkout.
    pub(super) fn file(&self, name: &str, text: &str) -> Result<PathBuf, CiError> {
        let path = self.root.join(name);
        fs::write(&path, text).map_err(|source| CiError::Folder { folder: self.root.clone(), source })?;
        Ok(path)
    }

    pub(super) fn checkout(&self) -> PathBuf {
        self.root.join("checkout")
    }

    pub(super) fn environment(&self) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> =
            [("CI", "true"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]
                .map(|(name, value)| (name.into(), value.into()))
                .into();
        env.insert("HOME".into(), self.root.join("home").into());
        env.insert("TMPDIR".into(), self.root.join("tmp").into());
        env
    }

    /// The log as it would read at any other place: the reader's checkout is elsewhere, and so is the next one's.
    pub(super) fn without_paths(&self, log: &[u8]) -> String {
        let root = self.root.display();
        String::from_utf8_lossy(log)
            .replace(&format!("{root}/checkout/"), "")
            .replace(&format!("{root}/checkout"), ".")
            .replace(&format!("{root}/home"), "~")
            .replace(&format!("{root}/tmp"), "/tmp")
    }
}
