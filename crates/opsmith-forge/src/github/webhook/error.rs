use opsmith_model::{ErrorKind, Hint};

/// Why a delivery is not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// A header is not there, or not text.
    #[error("the header `{0}` is missing")]
    MissingHeader(&'static str),
    /// More than GitHub sends.
    #[error("the delivery is larger than {limit_mib} MiB")]
    TooLarge {
        /// The limit.
        limit_mib: usize,
    },
    /// It is signed with another secret, or was changed.
    #[error("the delivery's signature is wrong")]
    BadSignature,
    /// It was taken before.
    #[error("the delivery `{id}` was taken before")]
    Replayed {
        /// Its id.
        id: String,
    },
    /// It is signed and still no event.
    #[error("the delivery of event `{event}` is not as described")]
    Garbled {
        /// The event's name.
        event: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

impl Hint for WebhookError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::MissingHeader(_) | Self::Garbled { .. } => ErrorKind::Invalid,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::BadSignature => ErrorKind::Unauthenticated,
            Self::Replayed { .. } => ErrorKind::Conflict,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::MissingHeader("x-hub-signature-256") => Some("set a secret for the webhook on GitHub".to_owned()),
            Self::BadSignature => Some("give the webhook on GitHub and opsmith the same secret".to_owned()),
            Self::Garbled { .. } => Some("let the webhook send `application/json`".to_owned()),
            Self::MissingHeader(_) | Self::TooLarge { .. } | Self::Replayed { .. } => None,
        }
    }
}
