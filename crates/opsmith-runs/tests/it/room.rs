//! How much a worker takes up of what another left, or its own former self.

use std::time::Duration;

use opsmith_model::RunId;
use opsmith_runs::{NewRun, RunFilter, RunState, Runs};
use opsmith_store::Page;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, new_run, open, two_steps};

testkit::on_both_databases!(
    a_restarted_worker_takes_up_what_it_has_room_for,
    a_worker_takes_over_what_it_has_room_for,
    each_live_worker_takes_over_a_part,
    a_run_that_waits_to_go_on_keeps_its_turn_in_its_key,
    a_worker_there_for_one_run_begins_it_before_and_beside_what_is_left,
);

/// Has a worker begin these runs, and kills it.
async fn begun(store: &TestStore, runs: &Runs, stage: &Stage, names: &[&str]) -> Vec<RunId> {
    let killed = Process::start(store, "a", two_steps(stage), names.len()).await;
    let mut ids = Vec::new();
    for name in names {
        ids.push(runs.start(&new_run("two", json!(name))).await.unwrap());
        stage.heard(&format!("{name}: waiting"), 1).await;
    }
    drop(killed);
    ids
}

async fn running(runs: &Runs) -> u64 {
    let filter = RunFilter { kind: None, state: Some("running".into()) };
    runs.list(&filter, Page { limit: 1, offset: 0 }).await.unwrap().1
}

fn urgent(name: &str) -> NewRun {
    NewRun { priority: 5, ..new_run("two", json!(name)) }
}

/// Lets one of those that wait through the gate.
async fn let_one_through(stage: &Stage) {
    let through = || stage.said().iter().filter(|said| said.ends_with(": second")).count();
    let (before, mut changed) = (through(), stage.changed.subscribe());
    stage.gate.notify_one();
    let gone = async {
        while through() == before {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("nobody went through the gate");
}

/// Lets each run through the gate, once it waits there for the second time and alone.
async fn one_by_one(runs: &Runs, stage: &Stage, names: &[&str]) {
    for name in names {
        stage.heard(&format!("{name}: waiting"), 2).await;
        assert_eq!(running(runs).await, 1, "{:?}", stage.said());
        stage.gate.notify_one();
        stage.heard(&format!("{name}: second"), 1).await;
    }
}

async fn fresh_ends_last(runs: &Runs, stage: &Stage, fresh: RunId) {
    stage.heard("fresh: waiting", 1).await;
    assert_eq!((running(runs).await, stage.count("c: second")), (1, 1));
    stage.gate.notify_one();
    runs.wait(fresh).await.unwrap();
}

async fn a_restarted_worker_takes_up_what_it_has_room_for(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    begun(&store, &runs, &stage, &["a", "b", "c"]).await;
    let fresh = runs.start(&urgent("fresh")).await.unwrap();
    let _restarted = Process::start(&store, "a", two_steps(&stage), 1).await;
    one_by_one(&runs, &stage, &["a", "b", "c"]).await;
    fresh_ends_last(&runs, &stage, fresh).await;
    assert_eq!((stage.count("a: first"), stage.count("c: first")), (1, 1));
}

async fn a_worker_takes_over_what_it_has_room_for(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    begun(&store, &runs, &stage, &["a", "b", "c"]).await;
    let _other = Process::start(&store, "b", two_steps(&stage), 1).await;
    stage.heard("a: waiting", 2).await;
    let fresh = runs.start(&urgent("fresh")).await.unwrap();
    one_by_one(&runs, &stage, &["a", "b", "c"]).await;
    fresh_ends_last(&runs, &stage, fresh).await;
    assert_eq!((stage.count("a: first"), stage.count("c: first")), (1, 1));
}

async fn each_live_worker_takes_over_a_part(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let ids = begun(&store, &runs, &stage, &["a", "b", "c"]).await;
    let (one, two) = tokio::join!(
        Process::start(&store, "b", two_steps(&stage), 1),
        Process::start(&store, "c", two_steps(&stage), 1)
    );
    stage.heard("a: waiting", 2).await;
    stage.heard("b: waiting", 2).await;
    let held: Vec<(String, u64)> =
        runs.workers().await.unwrap().into_iter().map(|worker| (worker.id, worker.running)).collect();
    assert_eq!(held.len(), 3);
    assert!(held.contains(&(one.id().to_owned(), 1)) && held.contains(&(two.id().to_owned(), 1)), "{held:?}");
    assert_eq!(runs.show(ids[2]).await.unwrap().state, RunState::Queued);
    // Whoever came first goes first: the third waits for one of them.
    let_one_through(&stage).await;
    stage.heard("c: waiting", 2).await;
    let_one_through(&stage).await;
    let_one_through(&stage).await;
    for id in ids {
        runs.wait(id).await.unwrap();
    }
}

async fn a_run_that_waits_to_go_on_keeps_its_turn_in_its_key(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let keyed = |new: NewRun| NewRun { concurrency: Some(("k".into(), 1)), ..new };
    let killed = Process::start(&store, "a", two_steps(&stage), 1).await;
    runs.start(&keyed(new_run("two", json!("a")))).await.unwrap();
    stage.heard("a: waiting", 1).await;
    drop(killed);
    let same_key = runs.start(&keyed(urgent("same key"))).await.unwrap();
    runs.start(&new_run("two", json!("no key"))).await.unwrap();
    let _restarted = Process::start(&store, "a", two_steps(&stage), 2).await;
    stage.heard("a: waiting", 2).await;
    stage.heard("no key: waiting", 1).await;
    assert_eq!(runs.show(same_key).await.unwrap().state, RunState::Queued);
    let_one_through(&stage).await;
    let_one_through(&stage).await;
    stage.heard("same key: waiting", 1).await;
    assert_eq!(stage.count("a: second"), 1);
    let_one_through(&stage).await;
    runs.wait(same_key).await.unwrap();
}

async fn a_worker_there_for_one_run_begins_it_before_and_beside_what_is_left(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let keyed = |new: NewRun| NewRun { concurrency: Some(("k".into(), 1)), ..new };
    let killed = Process::start(&store, "a", two_steps(&stage), 3).await;
    for new in
        [keyed(new_run("two", json!("same key"))), new_run("two", json!("left")), new_run("two", json!("left too"))]
    {
        runs.start(&new).await.unwrap();
    }
    for name in ["same key", "left", "left too"] {
        stage.heard(&format!("{name}: waiting"), 1).await;
    }
    drop(killed);
    let never_begun = runs.start(&urgent("never begun")).await.unwrap();
    let mine = runs.start(&keyed(new_run("two", json!("mine")))).await.unwrap();
    let worker = Process::start_for(Some(mine), &store, "a", two_steps(&stage), 1).await;
    stage.heard("mine: waiting", 1).await;
    stage.heard("left: waiting", 2).await;
    assert_eq!((running(&runs).await, stage.count("same key: waiting")), (2, 1), "{:?}", stage.said());
    for _ in 0..4 {
        let_one_through(&stage).await;
    }
    runs.wait(mine).await.unwrap();
    for name in ["mine", "left", "same key", "left too"] {
        assert_eq!((stage.count(&format!("{name}: first")), stage.count(&format!("{name}: second"))), (1, 1));
    }
    worker.stop().await;
    assert_eq!(runs.show(never_begun).await.unwrap().state, RunState::Queued);
}
