use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use opsmith_sandbox::Sandbox;

use crate::ci::{CiError, CiJob};
use crate::git::{checkout_fresh, erase};

/// Git follows five folders that share one another's objects.
const MOST_SHARED: usize = 5;

/// The folders of one check.
pub(super) struct Place {
    root: PathBuf,
}

impl Place {
    pub(super) async fn make(folder: &Path) -> Result<Self, CiError> {
        let failed = |source| CiError::Folder { folder: folder.to_owned(), source };
        erase(folder.to_owned()).await.map_err(|error| failed(io::Error::other(error)))?;
        for part in ["checkout", "given", "home", "tmp"] {
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

    /// The job's sandbox, in which also the files of ours and the objects that the checkout shares can be read.
    pub(super) fn sandbox(&self, job: &CiJob<'_>) -> Sandbox {
        let mut access = job.sandbox.access().clone();
        access.readable.extend(objects(job.git_dir));
        access.readable.push(self.given());
        job.sandbox.with_access(access)
    }

    /// Writes a file of ours, which the check can read.
    pub(super) fn file(&self, name: &str, text: &str) -> Result<PathBuf, CiError> {
        let path = self.given().join(name);
        fs::write(&path, text).map_err(|source| CiError::Folder { folder: self.given(), source })?;
        Ok(path)
    }

    fn given(&self) -> PathBuf {
        self.root.join("given")
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
        let text = String::from_utf8_lossy(log);
        let root = self.root.to_string_lossy();
        if !text.contains(&*root) {
            return text.into_owned();
        }
        text.replace(&format!("{root}/checkout/"), "")
            .replace(&format!("{root}/checkout"), ".")
            .replace(&format!("{root}/home"), "~")
            .replace(&format!("{root}/tmp"), "/tmp")
    }
}

/// The folders with the objects of a repository: its own, and those that it shares from others, as deep as git goes.
fn objects(git_dir: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = git_dir.join("objects").canonicalize().into_iter().collect();
    let mut at = 0;
    while at < folders.len().min(MOST_SHARED) {
        let shared = fs::read_to_string(folders[at].join("info/alternates")).unwrap_or_default();
        folders.extend(shared.lines().map(PathBuf::from).filter(|path| path.is_absolute()));
        at += 1;
    }
    folders
}
