use opsmith_model::{ConfirmationId, EffectKind, ErrorKind, Hint, Target};
use opsmith_store::StoreError;

use crate::Confirmation;

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
            Self::ChainBroken { .. } => ErrorKind::Failed,
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
