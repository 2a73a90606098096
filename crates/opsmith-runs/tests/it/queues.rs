use opsmith_model::{ErrorKind, Hint};
use opsmith_runs::{Registry, RunContext, RunState};
use sea_orm::ConnectionTrait;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, new_run, open};

testkit::on_both_databases!(a_worker_takes_runs_of_its_queues_alone);

/// A kind in each of two queues; the handler says which worker has it.
fn two_queues(stage: &Stage, worker: &'static str) -> Registry {
    let mut registry = Registry::new();
    for kind in ["x.one", "x.two", "y.one"] {
        let stage = stage.clone();
        registry.register(kind, move |_: RunContext, _: ()| {
            stage.say(format!("{kind} by {worker}"));
            async { Ok(()) }
        });
    }
    registry
}

async fn a_worker_takes_runs_of_its_queues_alone(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let held_by_dead = runs.start(&new_run("y.one", json!(null))).await.unwrap();
    let gone = "INSERT INTO run_workers (id, host, pid, concurrency, beat, stopped, seen_at) \
                VALUES ('gone', 'h', 1, 1, 1, true, '2026-01-01T00:00:00Z')";
    store.read().execute_unprepared(gone).await.unwrap();
    store.read().execute_unprepared("UPDATE runs SET state = 'running', worker_id = 'gone'").await.unwrap();
    let queued = runs.start(&new_run("y.one", json!(null))).await.unwrap();
    let only_x = two_queues(&stage, "first").of_queues(&["x"]).unwrap();
    let _first = Process::start(&store, "a", only_x, 4).await;
    for kind in ["x.one", "x.two"] {
        let id = runs.start(&new_run(kind, json!(null))).await.unwrap();
        runs.wait(id).await.unwrap();
    }
    assert_eq!(runs.show(queued).await.unwrap().state, RunState::Queued);
    let _second = Process::start(&store, "b", two_queues(&stage, "second").of_queues(&["y"]).unwrap(), 4).await;
    runs.wait(queued).await.unwrap();
    runs.wait(held_by_dead).await.unwrap();
    let mut said = stage.said();
    said.sort();
    assert_eq!(said, ["x.one by first", "x.two by first", "y.one by second", "y.one by second"]);
}

#[test]
fn a_queue_that_nothing_is_of_is_named() {
    let registry = two_queues(&Stage::new(), "w");
    assert_eq!(registry.queues(), ["x", "y"]);
    let error = registry.of_queues(&["x", "z"]).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Usage, "there is no queue `z`"));
    assert_eq!(error.hint().unwrap(), "the queues are: x, y");
}
