use opsmith_model::{Digest, Effect, EffectKind, ErrorKind, Hint, Principal, Target};
use serde_json::Value;

/// Leave to make one change: minted only by [`crate::Guard`], after policy and confirmation, bound to the
/// principal, the target and the exact parameters of one planned effect.
///
/// A function that changes an outside system takes `&Permit` and calls [`Permit::check`] first.
#[derive(Debug, Clone)]
pub struct Permit {
    principal: Principal,
    effect: Effect,
    digest: Digest,
    operation_key: String,
}

/// A permit that was minted for something else.
#[derive(Debug, thiserror::Error)]
#[error("the permit is for `{permitted}` of `{permitted_target}`, not for `{asked}` of `{asked_target}` as asked")]
pub struct PermitMismatch {
    permitted: EffectKind,
    permitted_target: Target,
    asked: String,
    asked_target: Target,
}

impl Hint for PermitMismatch {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Denied
    }
}

impl Permit {
    pub(crate) fn mint(principal: Principal, effect: Effect, digest: Digest, operation_key: String) -> Self {
        Self { principal, effect, digest, operation_key }
    }

    /// Refuses any verb, target or parameter other than the planned ones.
    ///
    /// The verb is the effect's kind without its product: `push` for `ampx.push`.
    pub fn check(&self, verb: &str, target: &Target, parameters: &Value) -> Result<(), PermitMismatch> {
        let same =
            self.effect.kind.verb() == verb && self.effect.target == *target && self.effect.parameters == *parameters;
        if same {
            return Ok(());
        }
        Err(PermitMismatch {
            permitted: self.effect.kind.clone(),
            permitted_target: self.effect.target.clone(),
            asked: format!("{verb} {parameters}"),
            asked_target: target.clone(),
        })
    }

    /// Who asked.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The planned effect.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// The digest of the plan that was decided on.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The operation this permit belongs to.
    pub fn operation_key(&self) -> &str {
        &self.operation_key
    }

    /// A permit for tests of effect functions.
    #[cfg(feature = "testing")]
    pub fn for_test(effect: Effect) -> Self {
        Self::mint(Principal::user("test"), effect, Digest::of_bytes(b"test"), "test".to_owned())
    }
}
