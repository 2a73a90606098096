use opsmith_model::Principal;
use opsmith_runs::{RunFilter, RunsError, Schedule};
use opsmith_store::Page;
use sea_orm::ConnectionTrait;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, in_journal, open, some_time, two_steps};

testkit::on_both_databases!(
    each_moment_is_one_run_whoever_sees_it,
    a_moment_that_a_dead_worker_began_to_handle_has_its_run,
    a_schedule_that_cannot_be_read_is_refused,
);

fn every(cron: &str) -> Schedule {
    Schedule {
        name: "often".into(),
        cron: cron.into(),
        time_zone: None,
        kind: "two".into(),
        label: "often".into(),
        input: json!("a"),
        requested_by: Principal::user("ada"),
        concurrency: None,
    }
}

async fn each_moment_is_one_run_whoever_sees_it(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    runs.set_schedule(&every("* * * * * *")).await.unwrap();
    let _one = Process::start(&store, "a", two_steps(&stage), 4).await;
    let _two = Process::start(&store, "b", two_steps(&stage), 4).await;
    stage.heard("a: waiting", 2).await;
    assert_eq!(runs.schedules().await.unwrap().len(), 1);
    assert!(runs.remove_schedule("often").await.unwrap());
    let page = Page { limit: 100, offset: 0 };
    let (listed, _) = runs.list(&RunFilter::default(), page).await.unwrap();
    let mut moments: Vec<i64> = listed.iter().map(|run| run.created_at.timestamp()).collect();
    moments.dedup();
    assert_eq!(moments.len(), listed.len(), "two runs in one second: {listed:?}");
}

async fn a_moment_that_a_dead_worker_began_to_handle_has_its_run(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = worker.id().to_owned();
    drop(worker);
    let tick = json!({ "scheduled_time": some_time(), "context": every("0 12 * * *") });
    let input = json!({ "positionalArgs": [tick], "namedArgs": {} });
    let begun = format!(
        "INSERT INTO {} (workflow_uuid, name, inputs, status, executor_id, application_version, priority, created_at, \
         updated_at, serialization) VALUES ('tick', 'opsmith.tick', '{input}', 'PENDING', '{id}', 'opsmith-1', 0, 1, 1, \
         'portable_json')",
        in_journal(&store, "workflow_status")
    );
    store.read().execute_unprepared(&begun).await.unwrap();
    let _other = Process::start(&store, "b", two_steps(&stage), 1).await;
    stage.heard("a: waiting", 1).await;
    assert_eq!(runs.list(&RunFilter::default(), Page { limit: 10, offset: 0 }).await.unwrap().1, 1);
}

async fn a_schedule_that_cannot_be_read_is_refused(store: TestStore) {
    let runs = open(&store).await;
    for cron in ["", "every day", "61 * * * *", "* * * *"] {
        let error = runs.set_schedule(&every(cron)).await.unwrap_err();
        assert!(matches!(error, RunsError::BadSchedule { .. }), "{cron}: {error}");
    }
    let nowhere = Schedule { time_zone: Some("Mars/Olympus".into()), ..every("* * * * *") };
    assert!(runs.set_schedule(&nowhere).await.is_err());
    assert!(!runs.remove_schedule("often").await.unwrap());
}
