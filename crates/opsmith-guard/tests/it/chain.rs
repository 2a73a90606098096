use opsmith_guard::{AuditOutcome, AuditRecord, Guard, GuardError};
use opsmith_model::{Principal, Target};
use sea_orm::ConnectionTrait;
use serde_json::json;
use testkit::TestStore;

use crate::guard;

testkit::on_both_databases!(
    a_chain_written_by_many_holds,
    a_changed_entry_is_found,
    a_removed_entry_is_found,
    a_chain_cut_short_is_found,
    an_entry_goes_with_its_transaction,
);

fn record(n: usize) -> AuditRecord {
    AuditRecord {
        principal: Principal::user("ada"),
        action: "test.change".into(),
        target: Target::new("a/b"),
        operation_key: n.to_string(),
        digest: None,
        outcome: AuditOutcome::Done,
        detail: json!({ "n": n, "quote": "'\"é", "float": 0.1 }),
    }
}

async fn write(guard: &Guard, store: &opsmith_store::Store, n: usize) {
    let write = store.write().await.unwrap();
    guard.record(&write, record(n)).await.unwrap();
    write.commit().await.unwrap();
}

async fn chain_of_five(store: &TestStore) -> Guard {
    let (guard, _) = guard(store, &[]).await;
    for n in 0..5 {
        write(&guard, store, n).await;
    }
    assert_eq!(guard.verify().await.unwrap().entries, 5);
    guard
}

async fn a_chain_written_by_many_holds(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let others = [store.reopen().await, store.reopen().await, (*store).clone()];
    let writers = others.iter().map(|store| async {
        for n in 0..10 {
            write(&guard, store, n).await;
        }
    });
    futures::future::join_all(writers).await;
    assert_eq!(guard.verify().await.unwrap().entries, 30);
}

async fn broken_at(guard: &Guard) -> i64 {
    match guard.verify().await.unwrap_err() {
        GuardError::ChainBroken { seq, .. } => seq,
        other => panic!("{other}"),
    }
}

async fn a_changed_entry_is_found(store: TestStore) {
    let guard = chain_of_five(&store).await;
    store.read().execute_unprepared("UPDATE guard_audit SET principal = 'user:bob' WHERE seq = 3").await.unwrap();
    assert_eq!(broken_at(&guard).await, 3);
}

async fn a_removed_entry_is_found(store: TestStore) {
    let guard = chain_of_five(&store).await;
    store.read().execute_unprepared("DELETE FROM guard_audit WHERE seq = 2").await.unwrap();
    assert_eq!(broken_at(&guard).await, 2);
}

async fn a_chain_cut_short_is_found(store: TestStore) {
    let guard = chain_of_five(&store).await;
    store.read().execute_unprepared("DELETE FROM guard_audit WHERE seq > 3").await.unwrap();
    assert_eq!(broken_at(&guard).await, 4);
}

async fn an_entry_goes_with_its_transaction(store: TestStore) {
    let guard = chain_of_five(&store).await;
    let write = store.write().await.unwrap();
    guard.record(&write, record(6)).await.unwrap();
    drop(write);
    assert_eq!(guard.verify().await.unwrap().entries, 5);
}
