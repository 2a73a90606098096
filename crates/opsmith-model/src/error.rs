use serde::{Deserialize, Serialize};

/// What went wrong, as far as a caller needs to know: the one place that fixes HTTP status and exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The input does not hold; nothing was done.
    Invalid,
    /// The words of a command line are off.
    Usage,
    /// There is no such thing.
    NotFound,
    /// The thing is not in a state that allows this.
    Conflict,
    /// No, or not valid, credentials.
    Unauthenticated,
    /// The policy says no.
    Denied,
    /// The policy wants a person's yes first.
    ConfirmationRequired,
    /// The input is larger than the limit.
    TooLarge,
    /// Too many requests.
    RateLimited,
    /// Something that is needed does not answer now; later it may.
    Unavailable,
    /// It was tried and did not work.
    Failed,
    /// What is stored no longer holds: it was changed or lost outside of opsmith.
    Damaged,
    /// Opsmith itself is wrong.
    Bug,
}

impl ErrorKind {
    /// The HTTP status that answers with this kind.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid | Self::Usage => 400,
            Self::Unauthenticated => 401,
            Self::Denied => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::ConfirmationRequired => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Failed => 502,
            Self::Damaged | Self::Bug => 500,
            Self::Unavailable => 503,
        }
    }

    /// The exit code of a command that ends with this kind.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Invalid | Self::NotFound | Self::Conflict | Self::TooLarge | Self::Failed | Self::Damaged => 1,
            Self::Usage => 2,
            Self::Unauthenticated | Self::Denied => 3,
            Self::ConfirmationRequired => 4,
            Self::Unavailable | Self::RateLimited => 5,
            Self::Bug => 70,
        }
    }

    /// The word for this kind on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::ConfirmationRequired => "confirmation_required",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
            Self::Damaged => "damaged",
            Self::Bug => "bug",
        }
    }
}

/// An error that can say what to do next.
pub trait Hint {
    /// The kind that fixes HTTP status and exit code.
    fn kind(&self) -> ErrorKind;

    /// What to do next, as one sentence without a full stop; `None` where the message says all.
    fn hint(&self) -> Option<String> {
        None
    }
}
