use opsmith_store::StoreError;
use sea_orm::ConnectionTrait;
use testkit::TestStore;

testkit::on_both_databases!(
    an_uncommitted_write_never_was,
    counted_under_turns_no_increment_is_lost,
    a_second_row_with_a_unique_value_is_told_apart,
);

async fn count(store: &TestStore) -> i64 {
    let row = store.read().query_one_raw(sql(store, "SELECT n FROM counter")).await.unwrap().unwrap();
    row.try_get_by_index::<i64>(0).unwrap()
}

fn sql(store: &TestStore, text: &str) -> sea_orm::Statement {
    sea_orm::Statement::from_string(store.read().get_database_backend(), text)
}

async fn counter(store: &TestStore) {
    store.read().execute_unprepared("CREATE TABLE counter (n BIGINT PRIMARY KEY)").await.unwrap();
    store.read().execute_unprepared("INSERT INTO counter VALUES (0)").await.unwrap();
}

async fn an_uncommitted_write_never_was(store: TestStore) {
    counter(&store).await;
    let write = store.write().await.unwrap();
    write.execute_unprepared("UPDATE counter SET n = 7").await.unwrap();
    drop(write);
    assert_eq!(count(&store).await, 0);
}

async fn counted_under_turns_no_increment_is_lost(store: TestStore) {
    counter(&store).await;
    let other = store.reopen().await;
    let add = |store: opsmith_store::Store| async move {
        for _ in 0..20 {
            let write = store.write().await.unwrap();
            write.take_turns("counter").await.unwrap();
            let statement = sea_orm::Statement::from_string(write.get_database_backend(), "SELECT n FROM counter");
            let n: i64 = write.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap();
            write.execute_unprepared(&format!("UPDATE counter SET n = {}", n + 1)).await.unwrap();
            write.commit().await.unwrap();
        }
    };
    let here: opsmith_store::Store = (*store).clone();
    tokio::join!(add(here.clone()), add(other.clone()), add(here), add(other));
    assert_eq!(count(&store).await, 80);
}

async fn a_second_row_with_a_unique_value_is_told_apart(store: TestStore) {
    counter(&store).await;
    let error = store.read().execute_unprepared("INSERT INTO counter VALUES (0)").await.unwrap_err();
    assert!(matches!(StoreError::from(error), StoreError::NotUnique(_)));
}
