//! The spine's nouns: an [`Operation`] becomes a [`Plan`] of [`Effect`]s, on which policy gives a [`Decision`].

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Digest, Principal, Target};

/// The name of a sort of change, `<product>.<verb>`: what policy rules and permits speak of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKind(Cow<'static, str>);

impl EffectKind {
    /// A kind that the code names.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A kind read from a policy file or a request.
    pub fn parse(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its product: `merge` of `ampx.merge`.
    pub fn verb(&self) -> &str {
        self.0.split_once('.').map_or(self.as_str(), |(_, verb)| verb)
    }
}

impl fmt::Display for EffectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One change to one outside thing, proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The sort of change.
    pub kind: EffectKind,
    /// What it acts on.
    pub target: Target,
    /// The change in a person's words, one line.
    pub summary: String,
    /// The exact parameters; a change of any of them changes the plan's digest.
    pub parameters: Value,
}

/// What a principal wants done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The product's name for it, such as `ampx.merge`.
    pub kind: String,
    /// What it is about.
    pub target: Target,
    /// Who asks.
    pub principal: Principal,
    /// Its identity across retries and restarts: a permit is minted again for the same key, and for no other.
    pub key: String,
}

/// The exact effects of an operation, before they happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The operation that is planned.
    pub operation: Operation,
    /// The changes, in the order they are made.
    pub effects: Vec<Effect>,
}

impl Plan {
    /// A digest of what would happen and to what: who asks and the key are not in it, so a person's yes
    /// holds for the same change asked for again, and for nothing else.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&json!({
            "kind": self.operation.kind,
            "target": self.operation.target,
            "effects": self.effects,
        }))
    }
}

/// What the policy says of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision", content = "reason")]
pub enum Decision {
    /// It may happen.
    Allow,
    /// It may happen after a person's yes; the reason says which rule asks.
    Confirm(String),
    /// It may not; the reason says which rule forbids it.
    Deny(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(sha: &str) -> Plan {
        Plan {
            operation: Operation {
                kind: "ampx.merge".into(),
                target: Target::new("/example.com//a/b"),
                principal: Principal::user("ada"),
                key: "k1".into(),
            },
            effects: vec![Effect {
                kind: EffectKind::new("ampx.merge"),
                target: Target::new("example.com/a/b"),
                summary: "merge".into(),
                parameters: json!({"head": sha}),
            }],
        }
    }

    #[test]
    fn a_changed_parameter_changes_the_digest_and_a_changed_asker_does_not() {
        let mut asked_again = plan("1");
        asked_again.operation.principal = Principal::user("bob");
        asked_again.operation.key = "k2".into();
        assert_eq!(plan("1").digest(), asked_again.digest());
        assert_ne!(plan("1").digest(), plan("2").digest());
    }
}
