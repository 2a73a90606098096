//! What databases answer when they fail, each asked for from the real one.

use opsmith_model::{ErrorKind, Hint};
use opsmith_store::{StoreError, StoreUrl};
use sea_orm::ConnectionTrait;
use testkit::TestStore;

testkit::on_both_databases!(what_passes_the_check, a_statement_that_is_wrong_is_a_bug,);

async fn failure(store: &opsmith_store::Store, sql: &str) -> StoreError {
    store.read().execute_unprepared(sql).await.unwrap_err().into()
}

async fn what_passes_the_check(store: TestStore) {
    store.check().await.unwrap();
}

async fn a_statement_that_is_wrong_is_a_bug(store: TestStore) {
    let error = failure(&store, "SELECT nothing FROM nowhere").await;
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    assert_eq!((error.kind(), error.hint()), (ErrorKind::Bug, None));
}

#[tokio::test]
async fn a_file_that_another_writes_to_is_locked() {
    let store = testkit::sqlite_store().await;
    let other = store.reopen().await;
    let write = store.write().await.unwrap();
    let error = failure(&other, "PRAGMA busy_timeout = 1; BEGIN IMMEDIATE").await;
    drop(write);
    assert!(matches!(error, StoreError::Locked), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hint().unwrap().contains("try again"));
}

#[tokio::test]
async fn a_file_that_may_not_grow_is_full() {
    let store = testkit::sqlite_store().await;
    let grow = "PRAGMA max_page_count = 2; CREATE TABLE t (b BLOB); INSERT INTO t VALUES (zeroblob(100000))";
    let error = failure(&store, grow).await;
    assert!(matches!(error, StoreError::DiskFull), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.hint().unwrap().contains("free some space"));
}

#[tokio::test]
async fn a_page_written_over_is_damage() {
    let store = testkit::sqlite_store().await;
    store.read().execute_unprepared("CREATE TABLE t (n INT, b BLOB)").await.unwrap();
    let rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 200) \
                INSERT INTO t SELECT n, zeroblob(500) FROM c";
    store.read().execute_unprepared(rows).await.unwrap();
    store.close().await.unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(store.folder().join("opsmith.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[b'x'; 4096], 5 * 4096).unwrap();
    let error = store.reopen().await.check().await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
    assert!(error.hint().unwrap().contains("opsmith store backup"));
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_unavailable() {
    let Some(store) = testkit::postgres_store().await else { return };
    let error = failure(&store, "SELECT pg_terminate_backend(pg_backend_pid())").await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.hint().unwrap().contains("[store] url"));
    store.ping().await.unwrap();
    let copy = store.backup("copy.db".as_ref()).await.unwrap_err();
    assert_eq!((copy.kind(), copy.hint()), (ErrorKind::Invalid, None));
}

#[test]
fn a_url_of_another_database_is_a_usage_error() {
    let error = StoreUrl::parse("mysql://root@localhost/x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.hint().unwrap().contains("postgres://"));
}
