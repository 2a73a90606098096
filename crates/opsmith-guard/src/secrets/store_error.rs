use std::io;
use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};

use super::VaultError;

/// Why secrets could not be kept, or had back.
#[derive(Debug, thiserror::Error)]
pub enum SecretStoreError {
    /// A scope's name is part of a path.
    #[error("a scope is named by 1 to 64 letters, digits, `-` and `_`")]
    Scope,
    /// The file or folder cannot be used.
    #[error("failed to use `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others of this machine can read the key.
    #[error("others can read the key `{path}`")]
    KeyExposed {
        /// The key.
        path: PathBuf,
    },
    /// The file is not what was written there.
    #[error("`{path}` is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not hold.
        reason: &'static str,
    },
    /// They could not be encrypted.
    #[error("failed to encrypt the secrets of `{scope}`")]
    Encrypt {
        /// Whose secrets.
        scope: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The work on it broke off.
    #[error("the work on the secrets of `{scope}` broke off")]
    BrokenOff {
        /// Whose secrets.
        scope: String,
        /// Why.
        #[source]
        source: tokio::task::JoinError,
    },
    /// What is kept in Vault is not ours.
    #[error("the entry of `{scope}` in Vault is not what was written there")]
    Foreign {
        /// Whose secrets.
        scope: String,
    },
    /// Vault did not do it.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Hint for SecretStoreError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Scope => ErrorKind::Invalid,
            Self::File { .. } | Self::KeyExposed { .. } | Self::Encrypt { .. } => ErrorKind::Failed,
            Self::Damaged { .. } | Self::Foreign { .. } => ErrorKind::Damaged,
            Self::BrokenOff { .. } => ErrorKind::Bug,
            Self::Vault(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::KeyExposed { path } => Some(format!("`chmod 600 {}`, if nobody else had it", path.display())),
            Self::Vault(error) => error.hint(),
            Self::Scope
            | Self::File { .. }
            | Self::Damaged { .. }
            | Self::Encrypt { .. }
            | Self::BrokenOff { .. }
            | Self::Foreign { .. } => None,
        }
    }
}
