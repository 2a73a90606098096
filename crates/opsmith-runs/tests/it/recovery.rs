use std::time::Duration;

use opsmith_runs::{Halt, NewRun, Outcome, Registry, RunContext, RunState, Timing, WorkerOptions, WorkerRow};
use opsmith_store::Dialect;
use sea_orm::ConnectionTrait;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, QUICK, Stage, in_journal, new_run, open, two_steps};

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
    a_run_that_could_neither_be_begun_nor_put_back_is_begun_soon,
    a_step_knows_whether_the_journal_answers,
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

async fn a_run_that_could_neither_be_begun_nor_put_back_is_begun_soon(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    // Its patience with a run that it does not execute must not be what mends it.
    let timing = Timing { dead_after: Duration::from_secs(3600), ..QUICK };
    let options = WorkerOptions { concurrency: 1, timing };
    let _worker = Process::start_with(None, &store, "a", two_steps(&stage), options).await;
    let table = in_journal(&store, "workflow_status");
    let (refuse, refuse_no_more) = refusal_to_put_back(&store);
    let execute = |sql: String| {
        let store = &store;
        async move { store.read().execute_unprepared(&sql).await.unwrap() }
    };
    execute(refuse).await;
    execute(format!("ALTER TABLE {table} RENAME TO gone")).await;
    let id = runs.start(&new_run("two", json!("a"))).await.unwrap();
    while !matches!(runs.show(id).await.unwrap().state, RunState::Running { .. }) {
        tokio::task::yield_now().await;
    }
    // Two signs of life later, what fails at once has failed.
    for _ in 0..2 {
        let seen = |workers: Vec<WorkerRow>| workers[0].seen_at;
        let before = seen(runs.workers().await.unwrap());
        while seen(runs.workers().await.unwrap()) == before {
            tokio::task::yield_now().await;
        }
    }
    execute(format!("ALTER TABLE {} RENAME TO workflow_status", in_journal(&store, "gone"))).await;
    execute(refuse_no_more).await;
    stage.heard("a: waiting", 1).await;
    stage.gate.notify_one();
    ends_well(&runs, id).await;
    assert_eq!((stage.count("a: first"), stage.count("a: second")), (1, 1));
}

/// Statements that forbid a run to go back into the queue, and that allow it again.
fn refusal_to_put_back(store: &TestStore) -> (String, String) {
    match store.url().dialect() {
        Dialect::Sqlite => (
            "CREATE TRIGGER kept BEFORE UPDATE ON runs WHEN NEW.state = 'queued' AND OLD.state = 'running' \
             BEGIN SELECT RAISE(ABORT, 'kept'); END"
                .to_owned(),
            "DROP TRIGGER kept".to_owned(),
        ),
        Dialect::Postgres => (
            "ALTER TABLE runs ADD CONSTRAINT kept CHECK (NOT (state = 'queued' AND epoch >= 0 AND started_at IS NOT NULL))"
                .to_owned(),
            "ALTER TABLE runs DROP CONSTRAINT kept".to_owned(),
        ),
    }
}

async fn a_step_knows_whether_the_journal_answers(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let registry = |stage: &Stage| {
        let stage = stage.clone();
        let mut registry = Registry::new();
        registry.register("told", move |run: RunContext, (): ()| {
            let stage = stage.clone();
            async move {
                run.step("first", |_| async move { Ok(()) }).await?;
                stage.say(format!("first is replayed: {}", run.is_replayed()));
                let waits = stage.clone();
                run.step("second", |_| async move {
                    waits.say("waiting");
                    waits.gate.notified().await;
                    Ok(())
                })
                .await?;
                stage.say(format!("second is replayed: {}", run.is_replayed()));
                Ok::<_, Halt>(())
            }
        });
        registry
    };
    let killed = Process::start(&store, "a", registry(&stage), 1).await;
    let id = runs.start(&new_run("told", json!(null))).await.unwrap();
    stage.heard("waiting", 1).await;
    drop(killed);
    let _restarted = Process::start(&store, "a", registry(&stage), 1).await;
    stage.heard("waiting", 2).await;
    stage.gate.notify_one();
    runs.wait(id).await.unwrap();
    let told: Vec<String> = stage.said().into_iter().filter(|said| said.contains("replayed")).collect();
    assert_eq!(told, ["first is replayed: false", "first is replayed: true", "second is replayed: false"]);
}
