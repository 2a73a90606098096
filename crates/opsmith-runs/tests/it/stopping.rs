use std::time::Duration;

use opsmith_runs::{Halt, Outcome, Registry, RunContext, RunState};
use serde_json::json;
use testkit::TestStore;

use crate::{Process, Stage, new_run, open, two_steps};

testkit::on_both_databases!(
    a_cancel_stops_the_running_step_and_the_tidying_is_done,
    a_cancel_while_nobody_runs_it_is_seen_after_the_restart,
    a_cancel_of_what_waits_to_go_on_still_reaches_its_end,
    each_signal_is_taken_once_even_over_a_kill,
    a_wait_for_a_signal_ends_in_time,
    a_sleep_ends_with_a_cancel,
);

/// `two`, and a last step that tidies up whatever happened.
fn tidy(stage: &Stage) -> Registry {
    let (stage, mut registry) = (stage.clone(), Registry::new());
    registry.register("tidy", move |run: RunContext, _: ()| {
        let stage = stage.clone();
        async move {
            let working = stage.clone();
            let worked = run
                .step("work", |scope| async move {
                    working.say("working");
                    scope.token().cancelled().await;
                    Err::<(), _>(scope.stopped())
                })
                .await;
            match &worked {
                Err(Halt::Cancelled) => {}
                other => return other.as_ref().copied().map_err(|_| Halt::Interrupted("as it was".into())),
            }
            run.final_step("tidy up", |_| async move {
                stage.say("tidied");
                Ok(())
            })
            .await?;
            worked
        }
    });
    registry
}

const CANCELLED: RunState = RunState::Finished { outcome: Outcome::Cancelled };

async fn a_cancel_stops_the_running_step_and_the_tidying_is_done(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let _worker = Process::start(&store, "a", tidy(&stage), 1).await;
    let id = runs.start(&new_run("tidy", json!(null))).await.unwrap();
    stage.heard("working", 1).await;
    runs.cancel(id).await.unwrap();
    assert_eq!(runs.wait(id).await.unwrap().state, CANCELLED);
    assert_eq!(stage.said(), ["working", "tidied"]);
}

async fn a_cancel_while_nobody_runs_it_is_seen_after_the_restart(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let killed = Process::start(&store, "a", tidy(&stage), 1).await;
    let id = runs.start(&new_run("tidy", json!(null))).await.unwrap();
    stage.heard("working", 1).await;
    drop(killed);
    runs.cancel(id).await.unwrap();
    let _restarted = Process::start(&store, "a", tidy(&stage), 1).await;
    assert_eq!(runs.wait(id).await.unwrap().state, CANCELLED);
    assert_eq!(stage.said(), ["working", "tidied"]);
}

async fn a_cancel_of_what_waits_to_go_on_still_reaches_its_end(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let first = Process::start(&store, "a", tidy(&stage), 1).await;
    let id = runs.start(&new_run("tidy", json!(null))).await.unwrap();
    stage.heard("working", 1).await;
    first.stop().await;
    assert_eq!(runs.show(id).await.unwrap().state, RunState::Queued);
    runs.cancel(id).await.unwrap();
    assert_eq!(runs.show(id).await.unwrap().state, RunState::Queued);
    let _other = Process::start(&store, "b", tidy(&stage), 1).await;
    assert_eq!(runs.wait(id).await.unwrap().state, CANCELLED);
    assert_eq!(stage.said(), ["working", "tidied"]);
    assert!(runs.cancel(id).await.is_err());
}

fn listener(stage: &Stage) -> Registry {
    let (stage, mut registry) = (stage.clone(), two_steps(stage));
    registry.register("listen", move |run: RunContext, _: ()| {
        let stage = stage.clone();
        async move {
            let limit = Duration::from_secs(60);
            let first: Option<String> = run.wait_signal("first word", "word", limit).await?;
            stage.say(format!("first {}", first.clone().unwrap_or_default()));
            let second: Option<String> = run.wait_signal("second word", "word", limit).await?;
            Ok(json!([first, second]))
        }
    });
    registry.register("listen briefly", |run: RunContext, _: ()| async move {
        let word: Option<String> = run.wait_signal("word", "word", Duration::from_millis(50)).await?;
        Ok(json!(word))
    });
    registry
}

async fn each_signal_is_taken_once_even_over_a_kill(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let id = runs.start(&new_run("listen", json!(null))).await.unwrap();
    runs.signal(id, "word", &json!("one")).await.unwrap();
    let killed = Process::start(&store, "a", listener(&stage), 1).await;
    stage.heard("first one", 1).await;
    drop(killed);
    runs.signal(id, "word", &json!("two")).await.unwrap();
    let _restarted = Process::start(&store, "a", listener(&stage), 1).await;
    let outcome = Outcome::Succeeded { output: json!(["one", "two"]) };
    assert_eq!(runs.wait(id).await.unwrap().state, RunState::Finished { outcome });
    assert!(runs.signal(id, "word", &json!("late")).await.is_err());
}

async fn a_wait_for_a_signal_ends_in_time(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let _worker = Process::start(&store, "a", listener(&stage), 1).await;
    let id = runs.start(&new_run("listen briefly", json!(null))).await.unwrap();
    let outcome = Outcome::Succeeded { output: json!(null) };
    assert_eq!(runs.wait(id).await.unwrap().state, RunState::Finished { outcome });
}

async fn a_sleep_ends_with_a_cancel(store: TestStore) {
    let (runs, stage) = (open(&store).await, Stage::new());
    let (mut registry, sleeper) = (Registry::new(), stage.clone());
    registry.register("sleep", move |run: RunContext, _: ()| {
        sleeper.say("sleeping");
        async move { run.sleep_until("sleep", chrono::Utc::now() + chrono::Duration::hours(1)).await }
    });
    let _worker = Process::start(&store, "a", registry, 1).await;
    let id = runs.start(&new_run("sleep", json!(null))).await.unwrap();
    stage.heard("sleeping", 1).await;
    runs.cancel(id).await.unwrap();
    assert_eq!(runs.wait(id).await.unwrap().state, CANCELLED);
}
