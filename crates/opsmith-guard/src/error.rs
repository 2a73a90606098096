use opsmith_model::{ConfirmationId, EffectKind, ErrorKind, Hint, Target};
use opsmith_store::StoreError;

use crate::{ClientId, Confirmation};

/// Why a plan got no permits.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The policy forbids one of the effects.
    #[error("the policy denies `{effect}` on `{target}` ({reason})")]
    Denied {
        /// The effect that is forbidden.
        effect: EffectKind,
        /// What it would have acted on.
        target: Target,
        /// Which rule says so.
        reason: String,
    },
    /// A person has to say yes to this digest first.
    #[error("`{}` needs a person's yes", .0.plan.operation.kind)]
    ConfirmationRequired(Box<Confirmation>),
    /// The question could not be settled.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

impl Hint for Refusal {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Denied { .. } => ErrorKind::Denied,
            Self::ConfirmationRequired(_) => ErrorKind::ConfirmationRequired,
            Self::Guard(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { .. } => Some("change `[policy]`, or ask someone whom it allows".to_owned()),
            Self::ConfirmationRequired(asked) => Some(format!("see it with `opsmith confirm show {}`", asked.id)),
            Self::Guard(error) => error.hint(),
        }
    }
}

/// Why the gate itself could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// There is no such confirmation.
    #[error("there is no confirmation `{0}`")]
    NoSuchConfirmation(ConfirmationId),
    /// It was answered before.
    #[error("confirmation `{0}` was answered already")]
    AlreadyAnswered(ConfirmationId),
    /// Its time has passed.
    #[error("confirmation `{0}` has expired")]
    Expired(ConfirmationId),
    /// The answer is to another digest than the one asked about.
    #[error("the answer is to another plan than confirmation `{0}` asks about")]
    OtherDigest(ConfirmationId),
    /// The one who answers may not.
    #[error("`{principal}` may not confirm this: {reason}")]
    MayNotConfirm {
        /// Who tried.
        principal: String,
        /// Why not.
        reason: &'static str,
    },
    /// The audit chain does not hold.
    #[error("the audit chain is broken at entry {seq}: {reason}")]
    ChainBroken {
        /// The first entry that does not hold.
        seq: i64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sea_orm::DbErr> for GuardError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl Hint for GuardError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchConfirmation(_) => ErrorKind::NotFound,
            Self::AlreadyAnswered(_) | Self::Expired(_) | Self::OtherDigest(_) => ErrorKind::Conflict,
            Self::MayNotConfirm { .. } => ErrorKind::Denied,
            Self::ChainBroken { .. } => ErrorKind::Damaged,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchConfirmation(_) => Some("see what waits with `opsmith confirm list`".to_owned()),
            Self::AlreadyAnswered(_) | Self::Expired(_) | Self::OtherDigest(_) => {
                Some("ask for the operation again to get a new confirmation".to_owned())
            }
            Self::ChainBroken { .. } => Some("compare with an export or a backup: entries were changed".to_owned()),
            Self::MayNotConfirm { .. } => None,
            Self::Store(error) => error.hint(),
        }
    }
}

/// Why a client's entries were not taken; none of them was.
#[derive(Debug, thiserror::Error)]
pub enum ClientChainError {
    /// There are none.
    #[error("there are no entries")]
    Empty,
    /// One does not hold by itself.
    #[error("`{field}` of entry {seq} {reason}")]
    Invalid {
        /// Its place in the client's chain.
        seq: i64,
        /// The field that does not hold.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// They are of several clients, or one does not come right after the one before it.
    #[error("entry {seq} does not come right after the one before it in the chain of `{client}`")]
    Unordered {
        /// The first entry's client.
        client: ClientId,
        /// The entry that does not follow.
        seq: i64,
    },
    /// Entries before it were never handed in.
    #[error("entry {seq} of `{client}` leaves a gap: the next one must be {next}")]
    Gap {
        /// The client.
        client: ClientId,
        /// The entry that was handed in.
        seq: i64,
        /// The entry that has to come next.
        next: i64,
    },
    /// The client's chain has another entry in that place, or another one before it.
    #[error("entry {seq} of `{client}` is of another chain than the one that is recorded")]
    Fork {
        /// The client.
        client: ClientId,
        /// The first entry that differs.
        seq: i64,
    },
    /// The chain was begun by another principal.
    #[error("the chain of `{client}` is not `{principal}`'s to go on with")]
    NotYours {
        /// The client.
        client: ClientId,
        /// Who handed the entries in.
        principal: String,
    },
    /// The gate could not do it.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

impl Hint for ClientChainError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Empty | Self::Invalid { .. } | Self::Unordered { .. } => ErrorKind::Invalid,
            Self::Gap { .. } | Self::Fork { .. } => ErrorKind::Conflict,
            Self::NotYours { .. } => ErrorKind::Denied,
            Self::Guard(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Empty | Self::Invalid { .. } => None,
            Self::NotYours { .. } => Some("begin a chain under a name of your own".to_owned()),
            Self::Unordered { .. } => Some("hand in one client's entries at a time, in order".to_owned()),
            Self::Gap { next, .. } => Some(format!("hand in the entries from {next} on")),
            Self::Fork { .. } => {
                Some("two programs write under one name, or the chain was changed: begin a new name".to_owned())
            }
            Self::Guard(error) => error.hint(),
        }
    }
}
