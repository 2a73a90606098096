use opsmith_guard::PermitMismatch;
use opsmith_model::{ErrorKind, Hint};
use opsmith_store::StoreError;

/// Why the forge did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The permit is for something else.
    #[error(transparent)]
    Permit(#[from] PermitMismatch),
    /// The pull request is merged or closed.
    #[error("pull request {number} is {state}")]
    NotOpen {
        /// Its number.
        number: i64,
        /// What it is instead.
        state: &'static str,
    },
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hint for ForgeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Permit(error) => error.kind(),
            Self::NotOpen { .. } => ErrorKind::Conflict,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Permit(_) | Self::NotOpen { .. } => None,
            Self::Store(error) => error.hint(),
        }
    }
}
