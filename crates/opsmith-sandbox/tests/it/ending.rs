use std::time::{Duration, Instant};

use opsmith_sandbox::{Ended, ExitStatus};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fixture::{HANGS, Lifeline, Place, is_alive, marked};

#[tokio::test]
async fn an_exit_is_reported_as_it_was() {
    let place = Place::new();
    let exit = place.run(place.sh("exit 7")).await.exit;
    assert_eq!((exit.status, exit.ended), (ExitStatus::Code(7), Ended::Exited));
    let exit = place.run(place.sh("kill -USR1 $$")).await.exit;
    assert_eq!((exit.status, exit.ended), (ExitStatus::Signal(10), Ended::Exited));
}

#[tokio::test]
async fn a_command_that_ignores_sigterm_is_killed_at_its_time_limit() {
    let place = Place::new();
    let mut spec = place.sh("trap 'echo asked' TERM; echo pid $$; while :; do read _ < /dev/zero; done");
    spec.limits.wall = Duration::from_millis(300);
    let ran = place.run(spec).await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Signal(9), Ended::TimedOut));
    assert!(ran.exit.wall >= Duration::from_millis(800), "the grace was not given: {:?}", ran.exit.wall);
    assert!(!is_alive(ran.pids()[0]));
}

#[tokio::test]
async fn a_command_that_obeys_sigterm_ends_in_its_own_way() {
    let place = Place::new();
    // The child takes longer to obey than its parent.
    let mut running = place.start(place.sh("trap 'exit 5' TERM; \
         (trap 'n=0; while [ $n -lt 1000 ]; do n=$((n+1)); done; echo child saved; exit' TERM; \
          echo ready; while :; do :; done) & \
         while :; do :; done"));
    running.until("ready").await;
    running.cancel.cancel();
    let ran = running.end().await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Code(5), Ended::Cancelled));
    assert!(ran.text().contains("child saved"), "the whole group has its grace: {}", ran.text());
}

#[tokio::test]
async fn cancel_ends_a_tree_that_resists_within_two_seconds() {
    let place = Place::new();
    let spec = place.sh(
        "trap '' TERM; echo pid $$; \
         for n in 1 2 3; do sh -c 'echo pid $$; setsid sh -c \"echo pid \\$\\$; exec sleep 100\" & exec sleep 100' & done; \
         kill -STOP $$; wait",
    );
    let marker = spec.marker.clone();
    let mut running = place.start(spec);
    while marked(&marker).len() < 7 {
        tokio::task::yield_now().await;
    }
    running.until("pid").await;
    let asked = Instant::now();
    running.cancel.cancel();
    let ran = running.end().await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Signal(9), Ended::Cancelled));
    assert!(ran.pids().iter().all(|pid| !is_alive(*pid)), "{:?}", ran.pids());
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[tokio::test]
async fn a_command_cancelled_before_its_start_does_not_stay() {
    let place = Place::new();
    let (sender, _receiver) = mpsc::channel(1);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let spec = place.sh("exec sleep 100");
    let marker = spec.marker.clone();
    let exit = tokio::time::timeout(HANGS, place.sandbox.run(spec, sender, &cancel)).await.unwrap().unwrap();
    assert_eq!(exit.ended, Ended::Cancelled);
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[tokio::test]
async fn dropping_the_run_kills_all_of_it() {
    let place = Place::new();
    let lifeline = Lifeline::at(&place.path().join("lifeline"));
    let script = "exec 9>lifeline; setsid sleep 100 & sleep 100 & echo ready; trap '' TERM; wait";
    let mut running = place.start(place.sh(script));
    running.until("ready").await;
    running.exit.abort();
    lifeline.ended().await;
}

/// What the closing runtime dropped once asked it for a task to tidy up in, which it dropped too, and so on without end.
#[test]
fn a_runtime_that_closes_while_a_command_runs_takes_the_command_along() {
    let (place, outer, inner) = (Place::new(), Runtime::new().unwrap(), Runtime::new().unwrap());
    let _inside = outer.enter();
    let lifeline = Lifeline::at(&place.path().join("lifeline"));
    let running = inner.block_on(async {
        let mut running = place.start(place.sh("exec 9> lifeline; sleep 100 & echo ready; wait"));
        running.until("ready").await;
        running
    });
    drop(inner);
    drop(running);
    outer.block_on(lifeline.ended());
}
