use std::collections::BTreeMap;

use opsmith_model::{Effect, EffectKind, ErrorKind, Hint, PrincipalKind, Secret, Target};
use opsmith_store::Write;
use serde_json::{Value, json};

use super::{SecretStore, SecretStoreError};
use crate::{AuditOutcome, EffectRule, Guard, GuardError, Permit, PermitMismatch, Verdict};

/// Telling what a placeholder stands for; a person's yes is asked for unless the policy says otherwise.
pub const REVEAL: EffectRule = EffectRule { kind: "secrets.reveal", default: Verdict::Confirm };

/// Every effect of secrets, for a process's catalogue.
pub const EFFECTS: &[EffectRule] = &[REVEAL];

/// Why a secret was not told.
#[derive(Debug, thiserror::Error)]
pub enum RevealError {
    /// The permit is for something else.
    #[error(transparent)]
    Permit(#[from] PermitMismatch),
    /// Programs get no secrets back.
    #[error("`{principal}` may not see secrets: only a person may")]
    NotAPerson {
        /// Who asked.
        principal: String,
    },
    /// The number stands for nothing that was kept.
    #[error("nothing is kept for `<SECRET_HASH_{number}>` of `{scope}`")]
    Unknown {
        /// The scope.
        scope: String,
        /// The number.
        number: u32,
    },
    /// They could not be had back.
    #[error(transparent)]
    Store(#[from] SecretStoreError),
    /// It could not be recorded.
    #[error(transparent)]
    Guard(#[from] GuardError),
}

/// The effect of telling what these placeholders of `scope` stand for, to be planned.
pub fn reveal_effect(scope: &str, numbers: &[u32]) -> Effect {
    let list = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    Effect {
        kind: EffectKind::new(REVEAL.kind),
        target: target(scope),
        summary: format!("tell what placeholders {list} of {scope} stand for"),
        parameters: parameters(numbers),
    }
}

/// Tells what placeholders of `scope` stand for. That it was told is recorded before it is.
pub async fn reveal(
    guard: &Guard,
    write: Write,
    permit: &Permit,
    store: &SecretStore,
    scope: &str,
    numbers: &[u32],
) -> Result<BTreeMap<u32, Secret>, RevealError> {
    permit.check("reveal", &target(scope), &parameters(numbers))?;
    if permit.principal().kind != PrincipalKind::User {
        return Err(RevealError::NotAPerson { principal: permit.principal().to_string() });
    }
    let mut kept = store.load(scope).await?;
    kept.retain(|number, _| numbers.contains(number));
    if let Some(number) = numbers.iter().find(|number| !kept.contains_key(number)) {
        return Err(RevealError::Unknown { scope: scope.to_owned(), number: *number });
    }
    guard.record_effect(&write, permit, AuditOutcome::Done, &json!({ "revealed": kept.len() })).await?;
    write.commit().await.map_err(GuardError::from)?;
    Ok(kept)
}

fn target(scope: &str) -> Target {
    Target::new(&format!("secrets/{scope}"))
}

fn parameters(numbers: &[u32]) -> Value {
    json!({ "placeholders": numbers })
}

impl Hint for RevealError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Permit(error) => error.kind(),
            Self::NotAPerson { .. } => ErrorKind::Denied,
            Self::Unknown { .. } => ErrorKind::NotFound,
            Self::Store(error) => error.kind(),
            Self::Guard(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Permit(error) => error.hint(),
            Self::NotAPerson { .. } | Self::Unknown { .. } => None,
            Self::Store(error) => error.hint(),
            Self::Guard(error) => error.hint(),
        }
    }
}
