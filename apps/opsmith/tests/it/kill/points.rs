use futures::StreamExt;
use nix::sys::signal::Signal;
use std::os::unix::process::ExitStatusExt;

use super::world::World;

/// Every step of a task that is red once and then green.
pub(crate) const STEPS: &[&str] = &[
    "begin",
    "prepare",
    "agent 1",
    "commit 1",
    "gate 1",
    "check 1",
    "rerun 1.1",
    "budget 1",
    "base 1",
    "wait 2",
    "pause 2",
    "agent 2",
    "commit 2",
    "gate 2",
    "check 2",
    "push 2",
    "pull request",
    "finish",
    "auto merge",
];
/// Ahead of the step, between its effect and the journal, and behind the journal.
const MOMENTS: &[&str] = &["before", "acted", "recorded"];

/// Every moment of every step.
pub(super) fn points() -> impl Iterator<Item = String> {
    STEPS.iter().flat_map(|step| MOMENTS.iter().map(move |moment| format!("{step}:{moment}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_the_task_ends_as_it_should_after_a_restart() {
    futures::stream::iter(points())
        .map(|point| async move { killed_at(&point).await })
        .buffer_unordered(3)
        .count()
        .await;
}

async fn killed_at(point: &str) {
    let world = World::scripted();
    let mut server = world.serve("a", Some(point));
    server.start(&world).await;
    assert_eq!(server.died(point).await.signal(), Some(Signal::SIGKILL as i32), "{point}");
    let server = world.serve("a", None);
    let created = server.start(&world).await.unwrap();
    let task = server.end_of(created["id"].as_str().unwrap()).await;
    world.assert_done_once(&task, 2, point).await;
    assert!(world.strays("a").is_empty(), "{point}: {:?}", world.strays("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_steps_is_the_whole_list() {
    let world = World::scripted();
    let server = world.serve("a", None);
    let created = server.start(&world).await.unwrap();
    let task = server.end_of(created["id"].as_str().unwrap()).await;
    let run = task["run_id"].as_str().unwrap();
    let run: serde_json::Value = reqwest::get(server.url(&format!("/runs/{run}"))).await.unwrap().json().await.unwrap();
    let steps: Vec<&str> = run["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    let ours: Vec<&str> = steps.into_iter().filter(|name| !name.starts_with("DBOS.")).collect();
    // The last step may be journaled a moment after the task's end is seen.
    assert_eq!(ours, STEPS[..ours.len()]);
    assert!(ours.len() >= STEPS.len() - 2);
}
