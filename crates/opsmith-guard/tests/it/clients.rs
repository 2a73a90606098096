use opsmith_guard::{
    AuditEntry, AuditOutcome, AuditRecord, Chain, ClientChainError, ClientEntry, ClientId, Guard, GuardError,
};
use opsmith_model::{AuditId, ErrorKind, Hint as _, Principal, Target};
use opsmith_store::Page;
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;
use serde_json::{Value, json};
use testkit::TestStore;

use crate::{guard, plan};

testkit::on_both_databases!(
    a_clients_chain_is_taken_into_ours_and_verified,
    handing_in_again_is_harmless_and_other_content_refused,
    a_gap_a_fork_and_a_disorder_take_nothing,
    an_entry_that_does_not_hold_by_itself_is_refused,
    many_hands_of_one_client_make_one_chain,
    nobody_goes_on_with_the_chain_of_another,
    what_a_client_says_hides_nothing_of_ours,
    a_clients_entry_that_was_changed_is_found,
    numbers_read_back_as_they_were_hashed,
    a_chain_from_before_there_were_clients_holds,
);

fn laptop() -> ClientId {
    "pxrun-ada.laptop".parse().unwrap()
}

fn by() -> Principal {
    Principal::user("ada")
}

fn record(n: usize, detail: Value) -> AuditRecord {
    AuditRecord {
        principal: Principal::user("someone"),
        action: "pxrun.create".into(),
        target: Target::new(&format!("pve01/ct/{n}")),
        operation_key: format!("op-{n}"),
        digest: None,
        outcome: AuditOutcome::Done,
        detail,
    }
}

/// The first `length` links of a client's own chain; `tale` tells chains apart.
fn chain(client: &ClientId, tale: &str, length: usize) -> Vec<ClientEntry> {
    let at = chrono::DateTime::from_timestamp(1_790_000_000, 123_456_000).unwrap();
    let mut links: Vec<ClientEntry> = Vec::new();
    for n in 0..length {
        let next = ClientEntry::following(links.last(), client, record(n, json!({ "tale": tale })), at);
        links.push(next);
    }
    links
}

async fn verified(guard: &Guard) -> Chain {
    guard.verify().await.unwrap()
}

async fn a_clients_chain_is_taken_into_ours_and_verified(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let (mine, other) = (chain(&laptop(), "a", 3), chain(&"other".parse().unwrap(), "b", 1));
    let taken = guard.take_client_entries(&mine[..1], &by()).await.unwrap();
    assert_eq!((taken.recorded, taken.chain.entries, &taken.chain.head), (1, 1, &mine[0].hash));
    guard.take_client_entries(&other, &by()).await.unwrap();
    guard.take_client_entries(&mine[1..], &by()).await.unwrap();

    let listed = guard.audit(Page { limit: 10, offset: 0 }).await.unwrap();
    let newest: &AuditEntry = &listed[0];
    assert_eq!((newest.seq, newest.principal.as_str(), newest.action.as_str()), (4, "user:ada", "pxrun.create"));
    let link = newest.client.as_ref().unwrap();
    assert_eq!((&link.id, link.seq, &link.hash), (&laptop(), 3, &mine[2].hash));
    assert_eq!(newest.detail["entry"], json!(mine[2]), "what the client said is kept whole");

    let clients = verified(&guard).await.clients;
    let told: Vec<_> = clients.iter().map(|chain| (chain.client.as_str(), chain.entries, &chain.head)).collect();
    assert_eq!(told, [("other", 1, &other[0].hash), ("pxrun-ada.laptop", 3, &mine[2].hash)]);
}

async fn handing_in_again_is_harmless_and_other_content_refused(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let mine = chain(&laptop(), "a", 4);
    guard.take_client_entries(&mine[..3], &by()).await.unwrap();
    let again = guard.take_client_entries(&mine[..2], &by()).await.unwrap();
    assert_eq!((again.recorded, again.chain.entries), (0, 3), "an answer that was lost on the way");
    let overlap = guard.take_client_entries(&mine[1..], &by()).await.unwrap();
    assert_eq!((overlap.recorded, overlap.chain.entries), (1, 4));
    let error = guard.take_client_entries(&chain(&laptop(), "b", 2), &by()).await.unwrap_err();
    assert!(matches!(error, ClientChainError::Fork { seq: 1, .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(verified(&guard).await.entries, 4);
}

async fn a_gap_a_fork_and_a_disorder_take_nothing(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let (mine, forked) = (chain(&laptop(), "a", 5), chain(&laptop(), "b", 4));
    guard.take_client_entries(&mine[..2], &by()).await.unwrap();
    let take = async |entries: &[ClientEntry]| guard.take_client_entries(entries, &by()).await.unwrap_err();
    assert!(matches!(take(&mine[3..]).await, ClientChainError::Gap { seq: 4, next: 3, .. }));
    assert!(matches!(take(&forked[2..]).await, ClientChainError::Fork { seq: 3, .. }));
    let forks_later = [mine[2].clone(), forked[3].clone()];
    assert!(matches!(take(&forks_later).await, ClientChainError::Fork { seq: 4, .. }));
    let skips = [mine[2].clone(), mine[4].clone()];
    assert!(matches!(take(&skips).await, ClientChainError::Unordered { seq: 5, .. }));
    let of_two = [mine[2].clone(), chain(&"other".parse().unwrap(), "a", 4)[3].clone()];
    assert!(matches!(take(&of_two).await, ClientChainError::Unordered { seq: 4, .. }));
    assert!(matches!(take(&[]).await, ClientChainError::Empty));
    let unknown = chain(&"newcomer".parse().unwrap(), "a", 2);
    assert!(matches!(take(&unknown[1..]).await, ClientChainError::Gap { seq: 2, next: 1, .. }));
    let chain = verified(&guard).await;
    assert_eq!((chain.entries, chain.clients.len()), (2, 1), "nothing of what was refused is here");
}

/// Changes one field of a link and gives it the hash that then fits.
fn changed(link: &ClientEntry, change: impl FnOnce(&mut ClientEntry)) -> ClientEntry {
    let mut link = link.clone();
    change(&mut link);
    link.hash = link.computed_hash();
    link
}

async fn an_entry_that_does_not_hold_by_itself_is_refused(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let good = chain(&laptop(), "a", 1).remove(0);
    let mut lies = good.clone();
    lies.outcome = AuditOutcome::Failed;
    let mut of_another = good.clone();
    of_another.client = "other".parse().unwrap();
    for (entry, wrong) in [
        (lies, "hash"),
        (of_another, "hash"),
        (changed(&good, |e| e.seq = 0), "seq"),
        (changed(&good, |e| e.at += chrono::Duration::nanoseconds(1)), "at"),
        (changed(&good, |e| e.principal = "ada".into()), "principal"),
        (changed(&good, |e| e.action = String::new()), "action"),
        (changed(&good, |e| e.action = "a".repeat(101)), "action"),
        (changed(&good, |e| e.target = "a\0b".into()), "target"),
        (changed(&good, |e| e.operation_key = "k\n".into()), "operation_key"),
        (changed(&good, |e| e.digest = Some("abc".into())), "digest"),
        (changed(&good, |e| e.previous_hash = "0".into()), "previous_hash"),
        (changed(&good, |e| e.detail = json!("x".repeat(17_000))), "detail"),
    ] {
        match guard.take_client_entries(&[entry], &by()).await.unwrap_err() {
            ClientChainError::Invalid { field, .. } => assert_eq!(field, wrong),
            other => panic!("{wrong}: {other}"),
        }
    }
    let last = changed(&good, |e| e.seq = i64::MAX);
    let after = changed(&good, |e| e.seq = i64::MIN);
    guard.take_client_entries(&[last.clone(), after], &by()).await.unwrap_err();
    let error = guard.take_client_entries(&[last, good], &by()).await.unwrap_err();
    assert!(matches!(error, ClientChainError::Unordered { seq: 1, .. }), "{error}");
    assert_eq!(verified(&guard).await.entries, 0);
}

async fn many_hands_of_one_client_make_one_chain(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let mine = chain(&laptop(), "a", 10);
    let hands = (0..4).map(|_| async {
        for upto in 1..=mine.len() {
            guard.take_client_entries(&mine[..upto], &by()).await.unwrap();
        }
    });
    futures::future::join_all(hands).await;
    let chain = verified(&guard).await;
    assert_eq!((chain.entries, chain.clients[0].entries), (10, 10));
}

async fn what_a_client_says_hides_nothing_of_ours(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let push = plan("ampx.push", "k", by(), "1");
    let permit = guard.authorize(&push).await.unwrap().remove(0);
    let mut claim = record(0, Value::Null);
    claim.action = "ampx.push".into();
    claim.operation_key = "k".into();
    claim.digest = Some(push.digest());
    let at = chrono::DateTime::UNIX_EPOCH;
    guard.take_client_entries(&[ClientEntry::following(None, &laptop(), claim, at)], &by()).await.unwrap();
    let write = store.write().await.unwrap();
    guard.record_effect(&write, &permit, AuditOutcome::Done, &Value::Null).await.unwrap();
    write.commit().await.unwrap();
    let listed = guard.audit(Page { limit: 10, offset: 0 }).await.unwrap();
    assert_eq!((listed.len(), &listed[0].client), (2, &None), "the effect has an entry of its own");
}

async fn a_clients_entry_that_was_changed_is_found(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    guard.take_client_entries(&chain(&laptop(), "a", 3), &by()).await.unwrap();
    for (change, back) in [
        ("client = 'other'", "client = 'pxrun-ada.laptop'"),
        ("client_seq = 9", "client_seq = 2"),
        ("client = NULL, client_seq = NULL, client_hash = NULL", ""),
    ] {
        store.read().execute_unprepared(&format!("UPDATE guard_audit SET {change} WHERE seq = 2")).await.unwrap();
        let error = guard.verify().await.unwrap_err();
        assert!(matches!(error, GuardError::ChainBroken { seq: 2, .. }), "{change}: {error}");
        assert_eq!(error.kind(), ErrorKind::Damaged);
        if !back.is_empty() {
            store.read().execute_unprepared(&format!("UPDATE guard_audit SET {back} WHERE seq = 2")).await.unwrap();
            verified(&guard).await;
        }
    }
}

async fn numbers_read_back_as_they_were_hashed(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    // Each is one that a reader without exact rounding gets wrong by a bit, or one at an edge.
    let hard = [51.248_178_375_505_404, -93.311_370_376_880_33, 97.453_653_200_346_85, 5e-324, f64::MAX];
    let detail = json!({ "floats": hard, "most": u64::MAX, "least": i64::MIN, "text": "\u{0}\u{1F600}" });
    let at = chrono::DateTime::UNIX_EPOCH;
    let entry = ClientEntry::following(None, &laptop(), record(0, detail), at);
    let sent: ClientEntry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
    assert_eq!(sent, entry);
    guard.take_client_entries(&[sent], &by()).await.unwrap();
    assert_eq!(verified(&guard).await.clients[0].head, entry.hash);
}

fn first_tables() -> Vec<Box<dyn MigrationTrait>> {
    opsmith_guard::migrations().into_iter().take(1).collect()
}

async fn a_chain_from_before_there_were_clients_holds(store: TestStore) {
    store.migrate(&[first_tables]).await.unwrap();
    let mut entry = AuditEntry {
        seq: 1,
        id: AuditId::new(chrono::DateTime::UNIX_EPOCH),
        at: chrono::DateTime::UNIX_EPOCH,
        principal: "user:ada".into(),
        action: "test.change".into(),
        target: "a/b".into(),
        operation_key: "k".into(),
        digest: None,
        outcome: AuditOutcome::Done,
        detail: json!({}),
        client: None,
        previous_hash: "0".repeat(64),
        hash: String::new(),
    };
    entry.hash = entry.computed_hash();
    let (id, zeros, hash) = (entry.id, &entry.previous_hash, &entry.hash);
    let row = format!(
        "INSERT INTO guard_audit (seq, id, at, principal, action, target, operation_key, outcome, detail, \
         previous_hash, hash) VALUES (1, '{id}', '1970-01-01 00:00:00+00:00', 'user:ada', 'test.change', 'a/b', 'k', \
         'done', '{{}}', '{zeros}', '{hash}')"
    );
    store.read().execute_unprepared(&row).await.unwrap();
    let head = format!("INSERT INTO guard_audit_head (id, seq, hash) VALUES (1, 1, '{hash}')");
    store.read().execute_unprepared(&head).await.unwrap();
    let (guard, _) = guard(&store, &[]).await;
    assert_eq!(verified(&guard).await.head, entry.hash);
    guard.take_client_entries(&chain(&laptop(), "a", 1), &by()).await.unwrap();
    assert_eq!(verified(&guard).await.entries, 2);
}

async fn nobody_goes_on_with_the_chain_of_another(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let links = chain(&laptop(), "ada", 3);
    guard.take_client_entries(&links[..1], &by()).await.unwrap();
    // Whoever can read the head could compute the next link, and shut the owner out with it.
    let error = guard.take_client_entries(&links[1..2], &Principal::user("eve")).await.unwrap_err();
    assert!(matches!(error, ClientChainError::NotYours { .. }) && error.kind() == ErrorKind::Denied, "{error:?}");
    assert_eq!(guard.take_client_entries(&links, &by()).await.unwrap().recorded, 2);
}
