use opsmith_model::Principal;
use opsmith_runs::{RunFilter, RunsError, Schedule};
use opsmith_store::Page;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, open, two_steps};

testkit::on_both_databases!(each_moment_is_one_run_whoever_sees_it, a_schedule_that_cannot_be_read_is_refused);

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
