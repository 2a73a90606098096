//! codex and opencode themselves on a GitHub whose workflows run for real: `make e2e-agents`.

use std::os::unix::process::ExitStatusExt as _;

use futures::StreamExt as _;
use nix::sys::signal::Signal;
use serde_json::Value;
use testkit::llm::{ModelStub, Program};

use super::stage::{Ci, Stage};

const PROGRAMS: [Program; 2] = [Program::Codex, Program::Opencode];

/// The stage with a program as the agent, and the stub that is its model.
async fn with(program: Program) -> (Stage, ModelStub) {
    let stub = ModelStub::playing(program.six_then_sum()).await;
    let config = program.config(&stub.url());
    let files: Vec<(&str, &str)> = config.iter().map(|(file, text)| (*file, text.as_str())).collect();
    let stage = Stage::new(Ci::Actions, &files).await;
    stage.configure(&program.settings(&program.path(), &stub.url()));
    (stage, stub)
}

fn assert_told_of_the_red(task: &Value, stub: &ModelStub, what: &str) {
    let excerpt = task["attempts"][0]["log_excerpt"].as_str().unwrap();
    assert!(excerpt.contains("== `sums` in `test`") && excerpt.contains("2 + 2 is not 6"), "{what}: {excerpt}");
    // The failing log came from GitHub's Actions into the same session.
    let last = stub.asked().last().unwrap().to_string();
    assert!(last.contains("2 + 2 is not 6") && last.contains("I have tried six."), "{what}: {last}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_goes_from_red_to_green_and_is_merged_by_github() {
    for program in PROGRAMS {
        let (stage, stub) = with(program).await;
        let what = format!("{program:?}");
        let server = stage.serve(None);
        let task = stage.done(&server).await;
        stage.assert_done_once(&task, &what).await;
        assert_told_of_the_red(&task, &stub, &what);
        assert!(task["summary"].as_str().unwrap().contains("asked @ada for a review"), "{task:#}");
        let merged = stage.merge(&server, task["id"].as_str().unwrap()).await.unwrap();
        stage.assert_merged_once(&merged, &what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn with_codex_killed_at_any_step_on_github_it_is_merged_once() {
    killed_at_each_step(Program::Codex).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn with_opencode_killed_at_any_step_on_github_it_is_merged_once() {
    killed_at_each_step(Program::Opencode).await;
}

/// Between the effect and the journal, where a doubled one would come from.
async fn killed_at_each_step(program: Program) {
    let steps = {
        let (stage, _stub) = with(program).await;
        let server = stage.serve(None);
        let task = stage.done(&server).await;
        stage.steps(&server, &task).await
    };
    let points = steps.iter().map(|step| format!("{step}:acted"));
    futures::stream::iter(points).map(|point| killed_at(program, point)).buffer_unordered(2).count().await;
}

async fn killed_at(program: Program, point: String) {
    let (stage, stub) = with(program).await;
    let mut server = stage.serve(Some(&point));
    stage.start(&server).await;
    assert_eq!(server.died(&point).await.signal(), Some(Signal::SIGKILL as i32), "{program:?} {point}");
    let server = stage.serve(None);
    let task = stage.done(&server).await;
    let what = format!("{program:?} {point}");
    stage.assert_done_once(&task, &what).await;
    assert_told_of_the_red(&task, &stub, &what);
    let merged = stage.merge(&server, task["id"].as_str().unwrap()).await.unwrap();
    stage.assert_merged_once(&merged, &what).await;
}
