use std::io;
use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};
use opsmith_sandbox::SandboxError;

use crate::git::GitError;

/// Why a CI provider came to no verdict.
#[derive(Debug, thiserror::Error)]
pub enum CiError {
    /// The commit could not be checked out.
    #[error("failed to check out `{sha}` for CI")]
    Checkout {
        /// The commit.
        sha: String,
        /// What git said.
        #[source]
        source: GitError,
    },
    /// The folder to run in could not be made or emptied.
    #[error("failed to prepare the CI folder `{}`", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The command could not be run, or its processes not ended.
    #[error("failed to run the CI command")]
    Sandbox(#[source] SandboxError),
    /// The caller cancelled; nothing of the command is left.
    #[error("the CI run was cancelled")]
    Cancelled,
}

impl Hint for CiError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Checkout { source, .. } => source.kind(),
            Self::Sandbox(source) => source.kind(),
            Self::Folder { .. } => ErrorKind::Unavailable,
            Self::Cancelled => ErrorKind::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Checkout { source, .. } => source.hint(),
            Self::Sandbox(source) => source.hint(),
            Self::Folder { .. } => Some("check the free space and the owner of the data folder".to_owned()),
            Self::Cancelled => None,
        }
    }
}
