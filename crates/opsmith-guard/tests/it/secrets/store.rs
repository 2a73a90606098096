//! Secrets behind placeholders: kept encrypted, and told to a person only, who is recorded.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use opsmith_guard::secrets::{
    KnownSecrets, LocalSecrets, REVEAL, RevealError, ScanSettings, Scanner, SecretStore, SecretStoreError, Secrets,
    reveal, reveal_effect,
};
use opsmith_guard::{Answer, Guard, Policy, PolicyRule, Refusal, Verdict};
use opsmith_model::{Clock, ErrorKind, Hint as _, Operation, Plan, Principal, Secret, Target};
use opsmith_store::Page;
use testkit::TestStore;

testkit::on_both_databases!(a_secret_is_told_after_a_persons_yes_and_that_is_recorded, nobody_else_is_told);

fn secrets() -> BTreeMap<u32, Secret> {
    BTreeMap::from([(1, Secret::new("first \u{1F511}")), (7, Secret::new("seventh"))])
}

fn local(folder: &Path) -> SecretStore {
    SecretStore::Local(LocalSecrets::new(folder))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn what_is_kept_is_had_back_and_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    local(folder.path()).save("task-1", &secrets()).await.unwrap();
    assert_eq!(local(folder.path()).load("task-1").await.unwrap(), secrets());
    assert!(local(folder.path()).load("task-2").await.unwrap().is_empty());
    let kept = folder.path().join("secrets");
    assert_eq!((mode(&kept), mode(&kept.join("key.txt")), mode(&kept.join("task-1.age"))), (0o700, 0o600, 0o600));
    let sealed = fs::read(kept.join("task-1.age")).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1"), "any age opens it with the key");
    assert!(!String::from_utf8_lossy(&sealed).contains("seventh"));
    local(folder.path()).save("task-1", &BTreeMap::new()).await.unwrap();
    assert!(local(folder.path()).load("task-1").await.unwrap().is_empty());
}

#[tokio::test]
async fn damage_another_key_and_a_key_in_the_open_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let store = local(folder.path());
    store.save("task-1", &secrets()).await.unwrap();
    let (key, sealed) = (folder.path().join("secrets/key.txt"), folder.path().join("secrets/task-1.age"));
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let error = store.load("task-1").await.unwrap_err();
    assert!(matches!(error, SecretStoreError::KeyExposed { .. }), "{error}");
    assert!(error.hint().unwrap().contains("chmod 600"));
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let mut bytes = fs::read(&sealed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&sealed, bytes).unwrap();
    assert_eq!(store.load("task-1").await.unwrap_err().kind(), ErrorKind::Damaged);
    store.save("task-1", &secrets()).await.unwrap();
    fs::remove_file(&key).unwrap();
    store.save("task-2", &secrets()).await.unwrap();
    assert_eq!(store.load("task-1").await.unwrap_err().kind(), ErrorKind::Damaged, "the key is another");
    fs::write(&key, "not a key").unwrap();
    assert_eq!(store.load("task-2").await.unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn many_that_come_first_at_once_share_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    thread::scope(|scope| {
        for n in 0..8 {
            let (store, runtime) = (local(folder.path()), runtime.handle().clone());
            scope.spawn(move || runtime.block_on(store.save(&format!("task-{n}"), &secrets())).unwrap());
        }
    });
    for n in 0..8 {
        assert_eq!(runtime.block_on(local(folder.path()).load(&format!("task-{n}"))).unwrap(), secrets());
    }
}

async fn guard(store: &TestStore, rules: &[PolicyRule]) -> Guard {
    store.migrate(&[opsmith_guard::migrations]).await.unwrap();
    Guard::new((**store).clone(), Clock::system(), Policy::new(&[REVEAL], rules).unwrap())
}

fn plan(principal: Principal, numbers: &[u32]) -> Plan {
    let (kind, target) = ("secrets.reveal".to_owned(), Target::new("secrets/task-1"));
    let operation = Operation { kind, target, principal, key: "k".to_owned() };
    Plan { operation, effects: vec![reveal_effect("task-1", numbers)] }
}

async fn a_secret_is_told_after_a_persons_yes_and_that_is_recorded(store: TestStore) {
    let folder = tempfile::tempdir().unwrap();
    let kept = local(folder.path());
    kept.save("task-1", &secrets()).await.unwrap();
    let (guard, ada) = (guard(&store, &[]).await, Principal::user("ada"));
    let plan = plan(ada.clone(), &[7]);
    let Refusal::ConfirmationRequired(asked) = guard.authorize(&plan).await.unwrap_err() else { panic!("not asked") };
    guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada).await.unwrap();
    let permit = guard.authorize(&plan).await.unwrap().remove(0);
    let told = async |scope: &str, numbers: &[u32]| {
        reveal(&guard, store.write().await.unwrap(), &permit, &kept, scope, numbers).await
    };
    let error = told("task-1", &[1, 7]).await.unwrap_err();
    assert!(matches!(error, RevealError::Permit(_)), "{error}");
    let error = told("task-2", &[7]).await.unwrap_err();
    assert!(matches!(error, RevealError::Permit(_)), "{error}");
    let secrets = told("task-1", &[7]).await.unwrap();
    assert_eq!(secrets.iter().map(|(number, secret)| (*number, secret.expose())).collect::<Vec<_>>(), [(7, "seventh")]);
    let audit = guard.audit(Page { limit: 10, offset: 0 }).await.unwrap();
    let entry = audit.iter().find(|entry| entry.action == "secrets.reveal").unwrap();
    assert_eq!((entry.principal.as_str(), entry.target.as_str()), ("user:ada", "secrets/task-1"));
    assert!(!serde_json::to_string(&audit).unwrap().contains("seventh"));
}

async fn nobody_else_is_told(store: TestStore) {
    let folder = tempfile::tempdir().unwrap();
    let kept = local(folder.path());
    kept.save("task-1", &secrets()).await.unwrap();
    let allow = PolicyRule {
        effect: Some("secrets.reveal".into()),
        decision: Some(Verdict::Allow),
        target: None,
        principal: None,
    };
    let guard = guard(&store, &[allow]).await;
    for (principal, numbers, kind) in [
        (Principal::agent("bot"), [7], ErrorKind::Denied),
        (Principal::service("opsmith"), [7], ErrorKind::Denied),
        (Principal::user("ada"), [2], ErrorKind::NotFound),
    ] {
        let permit = guard.authorize(&plan(principal, &numbers)).await.unwrap().remove(0);
        let error = reveal(&guard, store.write().await.unwrap(), &permit, &kept, "task-1", &numbers).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert!(guard.audit(Page { limit: 10, offset: 0 }).await.unwrap().is_empty(), "nothing was told");
}

#[tokio::test]
async fn a_scope_goes_on_with_its_numbers_and_what_belongs_to_none_has_no_number() {
    let folder = tempfile::tempdir().unwrap();
    let known = KnownSecrets::default();
    for secret in ["first-secret", "second-secret", "third-secret"] {
        known.register(&Secret::new(secret));
    }
    let store = SecretStore::Local(LocalSecrets::new(folder.path()));
    let secrets = Secrets::new(Scanner::new(&ScanSettings::default()).unwrap(), known, store.clone());
    let scope = secrets.scope("task-1").await;
    assert_eq!(scope.redact("second-secret, first-secret"), "<SECRET_HASH_1>, <SECRET_HASH_2>");
    assert!(store.load("task-1").await.unwrap().is_empty(), "nothing is kept so far");
    scope.keep().await;
    let kept = store.load("task-1").await.unwrap();
    assert_eq!(kept.values().map(Secret::expose).collect::<Vec<_>>(), ["second-secret", "first-secret"]);

    let again = secrets.scope("task-1").await;
    assert_eq!(again.redact("third-secret, first-secret"), "<SECRET_HASH_3>, <SECRET_HASH_2>");
    assert_eq!(secrets.scope("task-2").await.redact("third-secret"), "<SECRET_HASH_1>");
    assert_eq!(secrets.redactor().redact("third-secret, first-secret"), "<SECRET_HASH_0>, <SECRET_HASH_0>");

    // What cannot be read must not be numbered anew over it.
    std::fs::write(folder.path().join("secrets/task-1.age"), "not encrypted").unwrap();
    let unread = secrets.scope("task-1").await;
    assert_eq!(unread.redact("first-secret"), "<SECRET_HASH_0>");
    unread.keep().await;
    assert_eq!(std::fs::read(folder.path().join("secrets/task-1.age")).unwrap(), b"not encrypted");
}
