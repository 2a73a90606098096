use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A text that is not a ULID.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an id (26 characters of Crockford base 32)")]
pub struct ParseIdError(String);

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Ulid);

        impl $name {
            /// A new id: `now` in milliseconds, then 80 random bits.
            pub fn new(now: DateTime<Utc>) -> Self {
                let ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
                Self(Ulid::from_parts(ms, Ulid::generate().random()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ulid::from_string(text).map(Self).map_err(|_| ParseIdError(text.chars().take(40).collect()))
            }
        }
    };
}

ulid_id!(
    /// A durable run.
    RunId
);
ulid_id!(
    /// An ampx task.
    TaskId
);
ulid_id!(
    /// A pending or answered confirmation.
    ConfirmationId
);
ulid_id!(
    /// An entry of the audit chain.
    AuditId
);
ulid_id!(
    /// A token of the API.
    TokenId
);
