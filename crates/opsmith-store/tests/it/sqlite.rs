use opsmith_store::{Store, StoreError, StoreUrl};
use sea_orm::ConnectionTrait;

#[tokio::test]
async fn a_copy_made_in_use_holds_what_was_committed() {
    let store = testkit::sqlite_store().await;
    store.read().execute_unprepared("CREATE TABLE t (n INT)").await.unwrap();
    store.read().execute_unprepared("INSERT INTO t VALUES (42)").await.unwrap();
    let copy = store.folder().join("copy.db");
    assert!(store.backup(&copy).await.unwrap().bytes > 0);
    let copy = Store::open(StoreUrl::sqlite_file(&copy)).await.unwrap();
    copy.check().await.unwrap();
    let row = copy
        .read()
        .query_one_raw(sea_orm::Statement::from_string(copy.read().get_database_backend(), "SELECT n FROM t"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.try_get_by_index::<i32>(0).unwrap(), 42);
}

#[tokio::test]
async fn a_damaged_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("opsmith.db");
    std::fs::write(&file, vec![b'x'; 8192]).unwrap();
    let error = match Store::open(StoreUrl::sqlite_file(&file)).await {
        Ok(store) => store.check().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, StoreError::Damaged(_)), "{error:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_unavailable() {
    let error = Store::open(StoreUrl::sqlite_file("/proc/no/such/opsmith.db".as_ref())).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}
