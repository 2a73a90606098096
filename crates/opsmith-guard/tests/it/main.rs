//! The gate on both databases, tokens, and secrets.
#![allow(clippy::unwrap_used)]

mod chain;
mod clients;
mod gate;
mod secrets;
mod tokens;

use chrono::{TimeZone, Utc};
use opsmith_guard::{EffectRule, Guard, Policy, PolicyRule, Verdict};
use opsmith_model::{Clock, Effect, EffectKind, ManualClock, Operation, Plan, Principal, Target};
use serde_json::json;
use testkit::TestStore;

const EFFECTS: &[EffectRule] = &[
    EffectRule { kind: "ampx.push", default: Verdict::Allow },
    EffectRule { kind: "ampx.merge", default: Verdict::Confirm },
];

async fn guard(store: &TestStore, rules: &[PolicyRule]) -> (Guard, ManualClock) {
    store.migrate(&[opsmith_guard::migrations]).await.unwrap();
    let (clock, hand) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap());
    (Guard::new((**store).clone(), clock, Policy::new(EFFECTS, rules).unwrap()), hand)
}

fn plan(kind: &'static str, key: &str, principal: Principal, sha: &str) -> Plan {
    let target = Target::new("example.com/a/b");
    Plan {
        operation: Operation { kind: kind.to_owned(), target: target.clone(), principal, key: key.to_owned() },
        effects: vec![Effect {
            kind: EffectKind::new(kind),
            target,
            summary: format!("{kind} {sha}"),
            parameters: json!({ "sha": sha }),
        }],
    }
}
