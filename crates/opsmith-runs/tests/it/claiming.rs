use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opsmith_model::ErrorKind;
use opsmith_runs::{Halt, NewRun, Outcome, Registry, RunContext, RunFilter, RunState, StepFailure};
use opsmith_store::Page;
use sea_orm::ConnectionTrait;
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, new_run, open, two_steps};

testkit::on_both_databases!(
    limits_hold_per_key_and_per_worker,
    higher_priority_starts_sooner,
    the_same_idempotency_key_is_one_run,
    a_run_waits_for_its_time,
    a_clock_that_went_back_delays_nothing,
    failures_and_panics_are_recorded_ends,
    lists_are_filtered_and_retried_runs_point_back,
);

const PAGE: Page = Page { limit: 100, offset: 0 };

/// Counts how many of each key are inside at once.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<HashMap<String, (usize, usize)>>>);

impl Crowd {
    fn enter(&self, key: &str) {
        let mut crowd = self.0.lock().unwrap();
        let (inside, most) = crowd.entry(key.to_owned()).or_default();
        *inside += 1;
        *most = (*most).max(*inside);
    }

    fn leave(&self, key: &str) {
        self.0.lock().unwrap().get_mut(key).unwrap().0 -= 1;
    }

    fn most(&self, key: &str) -> usize {
        self.0.lock().unwrap().get(key).map_or(0, |(_, most)| *most)
    }
}

async fn limits_hold_per_key_and_per_worker(store: TestStore) {
    let (runs, crowd) = (open(&store).await, Crowd::default());
    let mut registry = Registry::new();
    let inside = crowd.clone();
    registry.register("crowd", move |run: RunContext, key: String| {
        let crowd = inside.clone();
        async move {
            run.step("be there", |_| async move {
                crowd.enter(&key);
                crowd.enter("worker");
                for _ in 0..200 {
                    tokio::task::yield_now().await;
                }
                crowd.leave("worker");
                crowd.leave(&key);
                Ok::<_, Halt>(())
            })
            .await
        }
    });
    let mut ids = Vec::new();
    for n in 0..30 {
        let key = format!("key {}", n % 3);
        let mut new = new_run("crowd", json!(key));
        new.concurrency = Some((key, if n % 3 == 0 { 1 } else { 2 }));
        ids.push(runs.start(&new).await.unwrap());
    }
    let _worker = Process::start(&store, "a", registry, 4).await;
    for id in ids {
        let run = runs.wait(id).await.unwrap();
        assert!(matches!(run.state, RunState::Finished { outcome: Outcome::Succeeded { .. } }), "{run:?}");
    }
    assert_eq!(crowd.most("key 0"), 1);
    assert!(crowd.most("key 1") <= 2 && crowd.most("key 2") <= 2);
    assert!(crowd.most("worker") <= 4);
}

async fn higher_priority_starts_sooner(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let mut last = None;
    for (name, priority) in [("low", -1), ("usual", 0), ("high", 5), ("usual too", 0)] {
        let new = NewRun { priority, ..new_run("two", json!(name)) };
        last = Some(runs.start(&new).await.unwrap());
    }
    let _worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    for name in ["high", "usual", "usual too", "low"] {
        stage.heard(&format!("{name}: waiting"), 1).await;
        stage.gate.notify_one();
    }
    runs.wait(last.unwrap()).await.unwrap();
    let firsts: Vec<String> = stage.said().into_iter().filter(|said| said.ends_with(": first")).collect();
    assert_eq!(firsts, ["high: first", "usual: first", "usual too: first", "low: first"]);
}

async fn the_same_idempotency_key_is_one_run(store: TestStore) {
    let runs = open(&store).await;
    let new = NewRun { idempotency_key: Some("k".into()), ..new_run("two", json!("a")) };
    let (one, two) = tokio::join!(runs.start(&new), runs.start(&new));
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(runs.list(&RunFilter::default(), PAGE).await.unwrap().1, 1);
}

async fn a_run_waits_for_its_time(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let later = NewRun { due_at: Some(chrono::Utc::now() + chrono::Duration::hours(1)), ..new_run("two", json!("b")) };
    let later = runs.start(&later).await.unwrap();
    let now = runs.start(&new_run("two", json!("a"))).await.unwrap();
    let _worker = Process::start(&store, "a", two_steps(&stage), 2).await;
    stage.heard("a: waiting", 1).await;
    stage.gate.notify_one();
    runs.wait(now).await.unwrap();
    assert_eq!(runs.show(later).await.unwrap().state, RunState::Queued);
}

async fn a_clock_that_went_back_delays_nothing(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let (ahead, _) = opsmith_model::Clock::manual(chrono::Utc::now() + chrono::Duration::days(2));
    let from_ahead = opsmith_runs::Runs::open(store.reopen().await, ahead).await.unwrap();
    let id = from_ahead.start(&new_run("two", json!("a"))).await.unwrap();
    let _worker = Process::start(&store, "a", two_steps(&stage), 1).await;
    stage.heard("a: waiting", 1).await;
    stage.gate.notify_one();
    let run = runs.wait(id).await.unwrap();
    assert!(matches!(run.state, RunState::Finished { outcome: Outcome::Succeeded { .. } }));
    assert!(run.finished_at.unwrap() < run.created_at);
}

async fn failures_and_panics_are_recorded_ends(store: TestStore) {
    let runs = open(&store).await;
    let mut registry = Registry::new();
    registry.register("fail", |run: RunContext, _: ()| async move {
        run.step("try", |_| async {
            let message = "no such thing".to_owned();
            Err::<(), _>(Halt::Failed(StepFailure { kind: ErrorKind::NotFound, message, hint: None }))
        })
        .await
    });
    registry.register("panic", |_: RunContext, _: ()| async move {
        if true {
            panic!("a defect");
        }
        Ok(())
    });
    registry.register("panic in a step", |run: RunContext, _: ()| async move {
        run.step("try", |_| async {
            if true {
                panic!("a defect of {}", "its own");
            }
            Ok::<_, Halt>(())
        })
        .await
    });
    registry.register("fine", |_: RunContext, _: ()| async move { Ok(()) });
    let often = runs.start(&new_run("fine", json!(null))).await.unwrap();
    store.read().execute_unprepared("UPDATE runs SET epoch = 200").await.unwrap();
    let _worker = Process::start(&store, "a", registry, 2).await;
    let ends = [
        (runs.start(&new_run("fail", json!(null))).await.unwrap(), ErrorKind::NotFound, "no such thing"),
        (runs.start(&new_run("panic", json!(null))).await.unwrap(), ErrorKind::Bug, "panicked: a defect"),
        (
            runs.start(&new_run("panic in a step", json!(null))).await.unwrap(),
            ErrorKind::Bug,
            "step `try` panicked: a defect of its own",
        ),
        (often, ErrorKind::Bug, "taken up 200 times"),
    ];
    for (id, kind, words) in ends {
        let ended = tokio::time::timeout(Duration::from_secs(10), runs.wait(id)).await.expect(words).unwrap();
        assert_eq!(runs.show(id).await.unwrap(), ended);
        match ended.state {
            RunState::Finished { outcome: Outcome::Failed { failure } } => {
                assert!(failure.kind == kind && failure.message.contains(words), "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn lists_are_filtered_and_retried_runs_point_back(store: TestStore) {
    let runs = open(&store).await;
    let first = runs.start(&new_run("two", json!("a"))).await.unwrap();
    runs.start(&new_run("other", json!("b"))).await.unwrap();
    assert!(runs.retry(first).await.is_err());
    runs.cancel(first).await.unwrap();
    assert!(runs.cancel(first).await.is_err());
    let again = runs.retry(first).await.unwrap();
    assert_eq!(runs.show(again).await.unwrap().retry_of, Some(first));
    let filter = RunFilter { kind: Some("two".into()), state: Some("queued".into()) };
    let (listed, total) = runs.list(&filter, PAGE).await.unwrap();
    assert_eq!((listed[0].id, total), (again, 1));
    assert!(runs.show(crate::no_such_run()).await.is_err());
}
