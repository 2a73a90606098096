use opsmith_runs::{NewRun, Outcome, RunState};
use sea_orm::ConnectionTrait;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, in_journal, new_run, open, two_steps};

testkit::on_both_databases!(
    the_same_worker_restarted_goes_on_and_repeats_no_step,
    another_worker_takes_over_from_a_dead_one,
    a_worker_that_lost_its_lease_does_nothing_more,
    a_shutdown_leaves_the_run_to_the_next_at_once,
    two_workers_of_one_folder_leave_each_other_alone,
    a_run_claimed_but_never_begun_is_begun,
    a_run_that_a_live_worker_holds_and_does_not_execute_is_begun,
    a_held_run_comes_to_its_end_whatever_the_journal_says,
    a_holder_whose_run_went_back_to_the_queue_stops,
);

async fn ends_well(runs: &opsmith_runs::Runs, id: opsmith_model::RunId) {
    let run = runs.wait(id).await.unwrap();
    let outcome = Outcome::Succeeded { output: json!("a") };
    assert_eq!(run.state, RunState::Finished { outcome });
    let steps: Vec<String> = runs.steps(id).await.unwrap().into_iter().map(|step| step.name).collect();
    assert_eq!(steps, ["first", "second"]);
}

async fn the_same_worker_restarted_goes_on_and_repeats_no_step(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let killed = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    drop(killed);
    let _restarted = Process::start(&store, "a", two_steps(&stage), 1).await;
    stage.heard("a: waiting", 2).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    assert_eq!((stage.count("a: first"), stage.count("a: second")), (1, 1));
}

async fn another_worker_takes_over_from_a_dead_one(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let killed = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    let _other = Process::start(&store, "b", two_steps(&stage), 1).await;
    drop(killed);
    stage.heard("a: waiting", 2).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    assert_eq!((stage.count("a: first"), stage.count("a: second")), (1, 1));
}

async fn a_worker_that_lost_its_lease_does_nothing_more(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let _paused = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    let taken = "UPDATE runs SET epoch = epoch + 1, worker_id = 'elsewhere'";
    store.read().execute_unprepared(taken).await.unwrap();
    stage.heard("a: stopped", 1).await;
    assert_eq!(stage.count("a: second"), 0);
    assert!(matches!(runs.show(id).await.unwrap().state, RunState::Running { .. }));
}

async fn a_shutdown_leaves_the_run_to_the_next_at_once(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let first = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    first.stop().await;
    assert_eq!(stage.count("a: stopped"), 1);
    let _other = Process::start(&store, "b", two_steps(&stage), 1).await;
    stage.heard("a: waiting", 2).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    assert_eq!(stage.count("a: first"), 1);
}

async fn two_workers_of_one_folder_leave_each_other_alone(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let _one = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    let _two = Process::start(&store, "a", two_steps(&stage), 1).await;
    let other = runs.start(&new_run("two", json!("b"))).await.unwrap();
    stage.heard("b: waiting", 1).await;
    // The gate keeps one opening for whoever comes next, so they go through one by one.
    stage.gate.notify_one();
    tokio::select! { run = runs.wait(id) => run, run = runs.wait(other) => run }.unwrap();
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    runs.wait(other).await.unwrap();
    assert_eq!((stage.count("a: waiting"), stage.count("b: waiting")), (1, 1));
    assert_eq!(runs.workers().await.unwrap().len(), 2);
}

async fn a_run_claimed_but_never_begun_is_begun(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    let gone = "INSERT INTO run_workers (id, host, pid, concurrency, beat, stopped, seen_at) \
                VALUES ('gone', 'h', 1, 1, 1, true, '2026-01-01T00:00:00Z')";
    store.read().execute_unprepared(gone).await.unwrap();
    store.read().execute_unprepared("UPDATE runs SET state = 'running', worker_id = 'gone'").await.unwrap();
    let _worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    stage.heard("a: waiting", 1).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
}

async fn a_run_that_a_live_worker_holds_and_does_not_execute_is_begun(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    let later = NewRun { due_at: Some(chrono::Utc::now() + chrono::Duration::hours(1)), ..new_run("two", json!("a")) };
    let id = runs.start(&later).await.unwrap();
    let held = format!("UPDATE runs SET state = 'running', worker_id = '{}'", worker.id());
    store.read().execute_unprepared(&held).await.unwrap();
    stage.heard("a: waiting", 1).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
}

async fn a_held_run_comes_to_its_end_whatever_the_journal_says(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let _worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    let table = in_journal(&store, "workflow_status");
    for status in ["SUCCESS", "PENDING", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"] {
        let said = format!("UPDATE {table} SET status = '{status}'");
        store.read().execute_unprepared(&said).await.unwrap();
        let unended = "UPDATE runs SET state = 'running', result = NULL, finished_at = NULL";
        store.read().execute_unprepared(unended).await.unwrap();
        ends_well(&runs, id).await;
    }
    assert_eq!((stage.count("a: first"), stage.count("a: second")), (1, 1));
}

async fn a_holder_whose_run_went_back_to_the_queue_stops(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let _worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    let presumed_dead = "UPDATE runs SET state = 'queued', worker_id = NULL";
    store.read().execute_unprepared(presumed_dead).await.unwrap();
    stage.heard("a: stopped", 1).await;
    stage.heard("a: waiting", 2).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    assert_eq!((stage.count("a: first"), stage.count("a: second")), (1, 1));
}
