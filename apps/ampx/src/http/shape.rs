//! How types of other rooms look on the wire; only their schemas are used.

use serde_json::Value;
use utoipa::ToSchema;

/// Who asks.
#[derive(Debug, ToSchema)]
pub struct Principal {
    /// What sort of asker this is.
    pub kind: PrincipalKind,
    /// The login, agent name or service name.
    pub name: String,
}

/// The sorts of [`Principal`]; only a user can confirm.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program led by a model.
    Agent,
    /// A program that follows fixed rules.
    Service,
}

/// The exact effects of an operation, before they happen.
#[derive(Debug, ToSchema)]
pub struct Plan {
    /// The operation that is planned.
    pub operation: Operation,
    /// The changes, in the order they are made.
    pub effects: Vec<Effect>,
}

/// What a principal wants done.
#[derive(Debug, ToSchema)]
pub struct Operation {
    /// The product's name for it, such as `ampx.merge`.
    pub kind: String,
    /// What it is about, as a path.
    pub target: String,
    /// Who asks.
    pub principal: Principal,
    /// Its identity across retries and restarts.
    pub key: String,
}

/// One change to one outside thing, proposed.
#[derive(Debug, ToSchema)]
pub struct Effect {
    /// The sort of change, such as `ampx.merge`.
    pub kind: String,
    /// What it acts on, as a path.
    pub target: String,
    /// The change in a person's words, one line.
    pub summary: String,
    /// The exact parameters.
    pub parameters: Value,
}

/// What the policy says of an effect.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case", tag = "decision", content = "reason")]
pub enum Decision {
    /// It may happen.
    Allow,
    /// It may happen after a person's yes; the reason says which rule asks.
    Confirm(String),
    /// It may not; the reason says which rule forbids it.
    Deny(String),
}

/// How a branch comes into its base.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeMethod {
    /// One new commit with all changes.
    Squash,
    /// A merge commit of both.
    Merge,
    /// Each commit anew on top of the base.
    Rebase,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use opsmith_model as model;
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;

    fn keys(value: &Value) -> BTreeSet<&String> {
        value.as_object().unwrap().keys().collect()
    }

    fn told<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).unwrap()
    }

    #[test]
    fn what_is_told_of_a_plan_is_what_is_sent() {
        let effect = model::Effect {
            kind: model::EffectKind::new("ampx.merge"),
            target: model::Target::new("a/b"),
            summary: "merge".to_owned(),
            parameters: json!({}),
        };
        let operation = model::Operation {
            kind: "ampx.merge".to_owned(),
            target: model::Target::new("a/b"),
            principal: model::Principal::user("ada"),
            key: "k".to_owned(),
        };
        let sent = json!(model::Plan { operation, effects: vec![effect] });
        for (told, sent) in [
            (told::<Plan>(), &sent),
            (told::<Operation>(), &sent["operation"]),
            (told::<Principal>(), &sent["operation"]["principal"]),
            (told::<Effect>(), &sent["effects"][0]),
        ] {
            assert_eq!(keys(&told["properties"]), keys(sent));
        }
    }

    #[test]
    fn the_words_told_are_the_words_sent() {
        use opsmith_forge::git::MergeMethod as M;
        assert_eq!(told::<MergeMethod>()["enum"], json!([M::Squash, M::Merge, M::Rebase]));
        use model::PrincipalKind as K;
        assert_eq!(told::<PrincipalKind>()["enum"], json!([K::User, K::Agent, K::Service]));
        let decisions =
            [model::Decision::Allow, model::Decision::Confirm("r".into()), model::Decision::Deny("r".into())];
        for (told, sent) in told::<Decision>()["oneOf"].as_array().unwrap().iter().zip(decisions) {
            assert_eq!(keys(&told["properties"]), keys(&json!(sent)));
            assert_eq!(told["properties"]["decision"]["enum"], json!([json!(sent)["decision"]]));
        }
    }
}
