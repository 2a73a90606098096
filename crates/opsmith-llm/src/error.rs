use std::time::Duration;

use opsmith_model::{ErrorKind, Hint};

use crate::{BudgetError, CassetteError, Completion};

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reaching the provider.
    Connect,
    /// The answer's beginning.
    FirstByte,
    /// The next piece of it.
    NextByte,
    /// All of it.
    Whole,
}

impl Phase {
    const fn words(self) -> &'static str {
        match self {
            Self::Connect => "did not take the connection",
            Self::FirstByte => "did not begin to answer",
            Self::NextByte => "sent nothing more",
            Self::Whole => "had not answered in full",
        }
    }
}

/// Why there is no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    /// The key is missing or not accepted.
    #[error("provider `{provider}` does not accept the API key")]
    Unauthenticated {
        /// The provider.
        provider: String,
    },
    /// The key is good, and may not do this.
    #[error("provider `{provider}` forbids it: {message}")]
    Forbidden {
        /// The provider.
        provider: String,
        /// Its sentence.
        message: String,
    },
    /// The provider has no such model, or not for this key.
    #[error("provider `{provider}` has no model `{model}`")]
    NoSuchModel {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
    },
    /// The request is longer than the model can read.
    #[error("the request is too long for model `{model}`: {message}")]
    ContextTooLong {
        /// The model.
        model: String,
        /// The provider's sentence.
        message: String,
    },
    /// The request has more bytes than the provider takes.
    #[error("the request is larger than provider `{provider}` takes")]
    TooLarge {
        /// The provider.
        provider: String,
    },
    /// The provider does not understand or allow the request.
    #[error("provider `{provider}` rejected the request with status {status}: {message}")]
    Rejected {
        /// The provider.
        provider: String,
        /// Its HTTP status.
        status: u16,
        /// Its sentence.
        message: String,
    },
    /// Too many requests or tokens for now.
    #[error("provider `{provider}` limits the rate of requests")]
    RateLimited {
        /// The provider.
        provider: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Nothing left on the account.
    #[error("the account at provider `{provider}` is used up: {message}")]
    OutOfQuota {
        /// The provider.
        provider: String,
        /// Its sentence.
        message: String,
    },
    /// The provider has no room for now.
    #[error("provider `{provider}` is overloaded")]
    Overloaded {
        /// The provider.
        provider: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The provider itself failed.
    #[error("provider `{provider}` failed with status {status}: {message}")]
    Broken {
        /// The provider.
        provider: String,
        /// Its HTTP status.
        status: u16,
        /// Its sentence.
        message: String,
    },
    /// No connection.
    #[error("provider `{provider}` cannot be reached")]
    Unreachable {
        /// The provider.
        provider: String,
        /// The client's own words, without the address.
        #[source]
        source: reqwest::Error,
    },
    /// Too slow.
    #[error("provider `{provider}` {} within {} s", .phase.words(), .after.as_secs_f32())]
    Timeout {
        /// The provider.
        provider: String,
        /// What was waited for.
        phase: Phase,
        /// How long.
        after: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the answer of provider `{provider}` broke off")]
    Lost {
        /// The provider.
        provider: String,
        /// The client's own words; `None` where the end came in good order.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The answer is not what the wire says.
    #[error("provider `{provider}` sent {what}")]
    Garbled {
        /// The provider.
        provider: String,
        /// What it sent.
        what: &'static str,
    },
    /// The answer has no end.
    #[error("provider `{provider}` sent more than {limit_mib} MiB")]
    Oversized {
        /// The provider.
        provider: String,
        /// The limit.
        limit_mib: u64,
    },
    /// The answer had begun; what came so far is kept.
    #[error("the answer was broken off")]
    BrokenOff {
        /// What came so far.
        partial: Box<Completion>,
        /// Why.
        #[source]
        source: Box<LlmError>,
    },
    /// The answer is not the JSON that was asked for, also not after a repair.
    #[error("the answer of model `{}` does not fit the schema", .completion.model)]
    NotAsAsked {
        /// What is wrong with it, for the model or a person.
        faults: Vec<String>,
        /// The last answer.
        completion: Box<Completion>,
    },
    /// The schema asked for is none.
    #[error("schema `{name}` is not a JSON schema: {reason}")]
    BadSchema {
        /// The schema's name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The budget does not allow it.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The cassette does not have it.
    #[error(transparent)]
    Cassette(#[from] CassetteError),
}

impl LlmError {
    /// What came before it broke off.
    pub fn partial(&self) -> Option<&Completion> {
        if let Self::BrokenOff { partial, .. } = self { Some(partial) } else { None }
    }
}

impl Hint for LlmError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unauthenticated { .. } => ErrorKind::Unauthenticated,
            Self::Forbidden { .. } => ErrorKind::Denied,
            Self::NoSuchModel { .. } => ErrorKind::NotFound,
            Self::ContextTooLong { .. } | Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Rejected { .. } | Self::BadSchema { .. } => ErrorKind::Invalid,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::OutOfQuota { .. }
            | Self::Overloaded { .. }
            | Self::Broken { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Lost { .. } => ErrorKind::Unavailable,
            Self::Garbled { .. } | Self::Oversized { .. } | Self::NotAsAsked { .. } => ErrorKind::Failed,
            Self::BrokenOff { source, .. } => source.kind(),
            Self::Budget(error) => error.kind(),
            Self::Cassette(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Unauthenticated { .. } => "set the provider's API key, or make a new one",
            Self::Forbidden { .. } => "ask who owns the account for access, or take another model",
            Self::NoSuchModel { .. } => "look for its exact name on the provider's list of models",
            Self::ContextTooLong { .. } | Self::TooLarge { .. } => "send less, or take a model with a longer context",
            Self::RateLimited { .. } => "wait, or lower `requests_per_minute`",
            Self::OutOfQuota { .. } => "top up the account, or raise its limit",
            Self::Overloaded { .. } | Self::Broken { .. } | Self::Lost { .. } => "try again later",
            Self::Unreachable { .. } => "check the provider's base URL and the network",
            Self::Timeout { .. } => "try again later, or raise the time limits",
            Self::Garbled { .. } => "check that the base URL is that of an API of this kind",
            Self::NotAsAsked { .. } => "take another model, or a simpler schema",
            Self::Rejected { .. } | Self::Oversized { .. } | Self::BadSchema { .. } => return None,
            Self::BrokenOff { source, .. } => return source.hint(),
            Self::Budget(error) => return error.hint(),
            Self::Cassette(error) => return error.hint(),
        };
        Some(text.to_owned())
    }
}
