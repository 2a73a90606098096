use std::os::unix::process::ExitStatusExt as _;

use futures::StreamExt as _;
use nix::sys::signal::Signal;
use testkit::tool::tool;

use super::stage::{Ci, Stage};

const MOMENTS: [&str; 3] = ["before", "acted", "recorded"];

/// The moments in which something of GitHub's would be done twice, or forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn killed_where_github_was_just_asked_for_something_it_is_not_asked_again() {
    let points =
        ["push 1:acted", "await 1:before", "push 2:recorded", "pull request:acted", "reviewers:acted", "labels:acted"];
    futures::stream::iter(points)
        .map(|point| killed_at(point.to_owned(), Ci::Status))
        .buffer_unordered(3)
        .count()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_merge_by_github_it_is_merged_once() {
    killed_in_the_merge_at("merge:acted").await;
}

/// Every step of the journal, with workflows run for real where act is installed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "every step of a task on GitHub, killed three times: make e2e"]
async fn killed_at_any_step_the_task_on_github_ends_as_it_should_after_a_restart() {
    let ci = if tool("act").is_some() { Ci::Actions } else { Ci::Status };
    let steps = {
        let stage = Stage::scripted(ci).await;
        let server = stage.serve(None);
        let task = stage.done(&server).await;
        stage.assert_done_once(&task, "nothing killed").await;
        stage.steps(&server, &task).await
    };
    for wanted in ["push 1", "await 1", "failed runs 1.1", "verdict 2", "pull request", "reviewers"] {
        assert!(steps.iter().any(|step| step == wanted), "no step `{wanted}` in {steps:?}");
    }
    let points = steps.iter().flat_map(|step| MOMENTS.map(|moment| format!("{step}:{moment}")));
    futures::stream::iter(points).map(|point| killed_at(point, ci)).buffer_unordered(2).count().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "every step of a merge on GitHub, killed three times: make e2e"]
async fn killed_at_any_step_of_a_merge_by_github_it_is_merged_once() {
    for step in ["merge", "delete branch"] {
        for moment in MOMENTS {
            killed_in_the_merge_at(&format!("{step}:{moment}")).await;
        }
    }
}

async fn killed_at(point: String, ci: Ci) {
    let stage = Stage::scripted(ci).await;
    let mut server = stage.serve(Some(&point));
    stage.start(&server).await;
    assert_eq!(server.died(&point).await.signal(), Some(Signal::SIGKILL as i32), "{point}");
    let server = stage.serve(None);
    let task = stage.done(&server).await;
    stage.assert_done_once(&task, &point).await;
}

async fn killed_in_the_merge_at(point: &str) {
    let stage = Stage::scripted(Ci::Status).await;
    let mut server = stage.serve(Some(point));
    let task = stage.done(&server).await;
    let id = task["id"].as_str().unwrap();
    assert_eq!(stage.merge(&server, id).await, None, "{point}");
    server.died(point).await;
    let server = stage.serve(None);
    let merged = stage.merge(&server, id).await.unwrap();
    stage.assert_merged_once(&merged, point).await;
}
