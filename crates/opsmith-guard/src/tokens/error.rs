use chrono::{DateTime, Utc};
use opsmith_model::{ErrorKind, Hint, TokenId};
use opsmith_store::StoreError;

use crate::GuardError;

/// Why a token was not made, found or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The name is not one.
    #[error(
        "a token's name has 1 to 64 of letters, digits, `.`, `_`, `@` and `-`, and begins with a letter or a digit"
    )]
    Name,
    /// It would have ended before it began.
    #[error("a token's end must be in the future")]
    Past,
    /// There is none of that id.
    #[error("there is no token `{0}`")]
    NoSuchToken(String),
    /// Somebody was sooner.
    #[error("token `{0}` was revoked already")]
    AlreadyRevoked(TokenId),
    /// The machine gave no random bits.
    #[error("failed to get random bits for a token")]
    Random(#[source] getrandom::Error),
    /// The gate could not do it.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Guard(error.into())
    }
}

impl Hint for TokenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Name | Self::Past => ErrorKind::Invalid,
            Self::NoSuchToken(_) => ErrorKind::NotFound,
            Self::AlreadyRevoked(_) => ErrorKind::Conflict,
            Self::Random(_) => ErrorKind::Unavailable,
            Self::Guard(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchToken(_) | Self::AlreadyRevoked(_) => Some("see them with `opsmith token list`".to_owned()),
            Self::Name | Self::Past | Self::Random(_) => None,
            Self::Guard(error) => error.hint(),
        }
    }
}

/// Why a presented text lets nobody in. What is said of a token's end is said to its holder alone.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefused {
    /// It is no token of this store.
    #[error("the token is not valid")]
    Unknown,
    /// Its time has passed.
    #[error("the token expired at {}", .0.format("%Y-%m-%d %H:%M UTC"))]
    Expired(DateTime<Utc>),
    /// Somebody ended it.
    #[error("the token was revoked")]
    Revoked,
    /// It could not be looked up.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

impl From<StoreError> for TokenRefused {
    fn from(error: StoreError) -> Self {
        Self::Guard(error.into())
    }
}

impl Hint for TokenRefused {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown | Self::Expired(_) | Self::Revoked => ErrorKind::Unauthenticated,
            Self::Guard(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown | Self::Expired(_) | Self::Revoked => {
                Some("make another on the server's machine with `opsmith token create NAME`".to_owned())
            }
            Self::Guard(error) => error.hint(),
        }
    }
}
