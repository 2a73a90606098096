use std::process::Stdio;

use serde_json::Value;

use super::world::{POLL, World};
use crate::process::PATIENCE;

/// Two `start --wait` on one SQLite file: each works its own task to the end and leaves the other's alone.
#[tokio::test(flavor = "multi_thread")]
async fn two_waiting_starts_on_one_file_leave_each_others_runs_alone() {
    let world = World::on_sqlite();
    let began = world.outside().join("began");
    // Each agent waits until both have begun, so both processes are alive at once.
    let agent = format!(
        "echo $OPSMITH_TASK_ID >> {began}; while test $(sort -u {began} | wc -l) -lt 2; do sleep 0.05; done; \
         sleep 1.5; echo 'echo $(($1 + $2))' > sum.sh",
        began = began.display()
    );
    world.configure("a", &World::shell(&agent));
    let start = || {
        let url = world.repo.url();
        let mut command = world.command("a", &["ampx", "start", "--wait", "-o", "json", &url, "Make the sum right"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (one, two) = (start(), start());
    let wait = |child: std::process::Child| tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    for output in [wait(one).await.unwrap(), wait(two).await.unwrap()] {
        let task: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!((output.status.code(), task["status"].as_str()), (Some(0), Some("success")), "{task:#}");
        assert_eq!(task["attempt_count"], 1);
    }
    let agents = std::fs::read_to_string(&began).unwrap();
    assert_eq!(agents.lines().count(), 2, "an agent ran twice: {agents}");
    assert_eq!(world.repo.branches().len(), 3);
}

/// What an earlier process left, and never ends, holds up nobody who waits for a task of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_start_does_not_queue_behind_what_was_left() {
    let world = World::on_sqlite();
    let first = world.outside().join("first");
    // The first task hangs, whenever it is worked on.
    let agent = format!(
        "test -e {first} || echo $OPSMITH_TASK_ID > {first}; test $OPSMITH_TASK_ID = $(cat {first}) && sleep 1000; \
         echo 'echo $(($1 + $2))' > sum.sh",
        first = first.display()
    );
    world.configure("a", &World::shell(&agent));
    let start = || {
        let url = world.repo.url();
        let mut command = world.command("a", &["ampx", "start", "--wait", "-o", "json", &url, "Make the sum right"]);
        command.env("WORKER_CONCURRENT_TASKS", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut left = start();
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::fs::read_to_string(&first).unwrap_or_default().is_empty() {
        assert!(std::time::Instant::now() < deadline, "the first agent never began");
        tokio::time::sleep(POLL).await;
    }
    left.kill().unwrap();
    left.wait().unwrap();
    let second = start();
    let output = tokio::task::spawn_blocking(move || second.wait_with_output().unwrap());
    let output = tokio::time::timeout(PATIENCE, output).await.expect("it waits behind the first").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let task: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!((output.status.code(), task["status"].as_str()), (Some(0), Some("success")), "{task:#}");
    assert!(said.contains("also going on with 1 run that was left here"), "{said}");
}
