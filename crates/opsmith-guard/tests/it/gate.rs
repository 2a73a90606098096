use chrono::Duration;
use opsmith_guard::{Answer, Confirmation, Guard, GuardError, PolicyRule, Refusal, Verdict};
use opsmith_model::{Plan, Principal, Target};
use opsmith_store::Page;
use serde_json::json;
use testkit::TestStore;

use crate::{guard, plan};

testkit::on_both_databases!(
    allowed_effects_get_permits_that_fit_nothing_else,
    a_denied_effect_gets_none_and_the_refusal_is_recorded,
    unconfirmed_asks_once_and_confirmed_passes,
    only_a_person_whom_the_policy_lets_can_confirm,
    a_yes_is_for_one_operation_and_again_for_the_same_after_a_restart,
    a_plan_changed_after_its_confirmation_needs_a_new_one,
    an_answer_counts_once_in_time_and_for_its_digest,
);

fn ada() -> Principal {
    Principal::user("ada")
}

async fn asked(guard: &Guard, plan: &Plan) -> Confirmation {
    match guard.authorize(plan).await.unwrap_err() {
        Refusal::ConfirmationRequired(asked) => *asked,
        other => panic!("{other}"),
    }
}

async fn allowed_effects_get_permits_that_fit_nothing_else(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let permits = guard.authorize(&plan("ampx.push", "k", ada(), "1")).await.unwrap();
    let (permit, target) = (&permits[0], Target::new("example.com/a/b"));
    permit.check("push", &target, &json!({ "sha": "1" })).unwrap();
    permit.check("push", &target, &json!({ "sha": "2" })).unwrap_err();
    permit.check("push", &Target::new("example.com/a/c"), &json!({ "sha": "1" })).unwrap_err();
    permit.check("merge", &target, &json!({ "sha": "1" })).unwrap_err();
}

async fn a_denied_effect_gets_none_and_the_refusal_is_recorded(store: TestStore) {
    let deny = PolicyRule {
        effect: Some("ampx.*".into()),
        principal: Some("agent".into()),
        decision: Some(Verdict::Deny),
        target: None,
    };
    let (guard, _) = guard(&store, &[deny]).await;
    let refusal = guard.authorize(&plan("ampx.push", "k", Principal::agent("bot"), "1")).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Denied { .. }), "{refusal}");
    let audit = guard.audit(Page { limit: 10, offset: 0 }).await.unwrap();
    assert_eq!((audit.len(), audit[0].principal.as_str()), (1, "agent:bot"));
    // A run that is done again after a kill asks again; another operation's refusal is one of its own.
    guard.authorize(&plan("ampx.push", "k", Principal::agent("bot"), "1")).await.unwrap_err();
    assert_eq!(guard.audit(Page { limit: 10, offset: 0 }).await.unwrap().len(), 1);
    guard.authorize(&plan("ampx.push", "other", Principal::agent("bot"), "1")).await.unwrap_err();
    assert_eq!(guard.audit(Page { limit: 10, offset: 0 }).await.unwrap().len(), 2);
    guard.authorize(&plan("ampx.push", "k", ada(), "1")).await.unwrap();
}

async fn unconfirmed_asks_once_and_confirmed_passes(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let merge = plan("ampx.merge", "k", ada(), "1");
    let first = asked(&guard, &merge).await;
    assert_eq!(asked(&guard, &merge).await.id, first.id);
    assert_eq!(guard.pending(10).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(guard.count_pending().await.unwrap(), 1);
    guard.confirm(first.id, Answer::Yes, &first.digest, &ada()).await.unwrap();
    assert_eq!(guard.authorize(&merge).await.unwrap().len(), 1);
    assert!(guard.pending(10).await.unwrap().is_empty());
    assert_eq!(guard.count_pending().await.unwrap(), 0);
}

async fn only_a_person_whom_the_policy_lets_can_confirm(store: TestStore) {
    let not_bob = PolicyRule {
        effect: Some("ampx.merge".into()),
        principal: Some("user:bob".into()),
        decision: Some(Verdict::Deny),
        target: None,
    };
    let (guard, _) = guard(&store, &[not_bob]).await;
    let merge = plan("ampx.merge", "k", ada(), "1");
    let first = asked(&guard, &merge).await;
    for wrong in [Principal::agent("ada"), Principal::service("opsmith"), Principal::user("bob")] {
        let error = guard.confirm(first.id, Answer::Yes, &first.digest, &wrong).await.unwrap_err();
        assert!(matches!(error, GuardError::MayNotConfirm { .. }), "{wrong}: {error}");
    }
    assert_eq!(asked(&guard, &merge).await.id, first.id);
}

async fn a_yes_is_for_one_operation_and_again_for_the_same_after_a_restart(store: TestStore) {
    let (guard, hand) = guard(&store, &[]).await;
    let merge = plan("ampx.merge", "first", ada(), "1");
    let first = asked(&guard, &merge).await;
    guard.confirm(first.id, Answer::Yes, &first.digest, &ada()).await.unwrap();
    guard.authorize(&merge).await.unwrap();
    hand.advance(Duration::days(3));
    guard.authorize(&merge).await.unwrap();
    let replayed = asked(&guard, &plan("ampx.merge", "second", ada(), "1")).await;
    assert_ne!(replayed.id, first.id);
}

async fn a_plan_changed_after_its_confirmation_needs_a_new_one(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let first = asked(&guard, &plan("ampx.merge", "k", ada(), "1")).await;
    guard.confirm(first.id, Answer::Yes, &first.digest, &ada()).await.unwrap();
    assert_ne!(asked(&guard, &plan("ampx.merge", "k", ada(), "2")).await.id, first.id);
}

async fn an_answer_counts_once_in_time_and_for_its_digest(store: TestStore) {
    let (guard, hand) = guard(&store, &[]).await;
    let first = asked(&guard, &plan("ampx.merge", "k", ada(), "1")).await;
    let other = plan("ampx.merge", "k", ada(), "2").digest();
    let error = guard.confirm(first.id, Answer::Yes, &other, &ada()).await.unwrap_err();
    assert!(matches!(error, GuardError::OtherDigest(_)));
    guard.confirm(first.id, Answer::No, &first.digest, &ada()).await.unwrap();
    let error = guard.confirm(first.id, Answer::Yes, &first.digest, &ada()).await.unwrap_err();
    assert!(matches!(error, GuardError::AlreadyAnswered(_)));
    let second = asked(&guard, &plan("ampx.merge", "k", ada(), "1")).await;
    hand.advance(Duration::hours(25));
    assert_eq!(guard.count_pending().await.unwrap(), 0, "its time has passed");
    let error = guard.confirm(second.id, Answer::Yes, &second.digest, &ada()).await.unwrap_err();
    assert!(matches!(error, GuardError::Expired(_)));
}
