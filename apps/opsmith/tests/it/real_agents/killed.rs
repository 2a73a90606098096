use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Instant;

use futures::StreamExt as _;
use nix::sys::signal::Signal;
use testkit::llm::{Program, REAL_PROGRAMS, Scenario};

use super::Real;
use crate::kill::points::STEPS;
use crate::kill::server::Server;
use crate::kill::world::{POLL, processes_of};
use crate::process::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn with_codex_killed_at_any_step_the_task_ends_as_it_should_after_a_restart() {
    killed_at_each_step(Program::Codex, &["before", "acted", "recorded"]).await;
}

/// Between the effect and the journal, where a doubled one would come from.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn with_opencode_killed_at_any_step_the_task_ends_as_it_should_after_a_restart() {
    killed_at_each_step(Program::Opencode, &["acted"]).await;
}

async fn killed_at_each_step(program: Program, moments: &[&str]) {
    let points = STEPS.iter().flat_map(|step| moments.iter().map(move |moment| format!("{step}:{moment}")));
    futures::stream::iter(points)
        .map(|point| async move { killed_at(program, &point).await })
        .buffer_unordered(2)
        .count()
        .await;
}

async fn killed_at(program: Program, point: &str) {
    let real = Real::new(program).await;
    let mut server = real.world.serve("a", Some(point));
    server.start(&real.world).await;
    assert_eq!(server.died(point).await.signal(), Some(Signal::SIGKILL as i32), "{point}");
    goes_on_to_its_end(&real, point).await;
}

/// Starts the server again, and the task ends as if nothing had happened.
async fn goes_on_to_its_end(real: &Real, what: &str) {
    let server = real.world.serve("a", None);
    let created = server.start(&real.world).await.unwrap();
    let task = server.end_of(created["id"].as_str().unwrap()).await;
    real.assert_done(&task, what).await;
    real.assert_nothing_left(server, what).await;
}

/// npm's launcher has a native child, and the model had it leave a daemon; neither outlives the restart.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn killed_while_the_agent_works_what_it_left_running_is_ended() {
    for program in REAL_PROGRAMS {
        let Scenario::ByWords(mut rules) = program.six_then_sum() else { unreachable!() };
        let daemon = "(setsid sleep 1000 >/dev/null 2>&1 &)";
        rules.last_mut().unwrap().turn = program.shell(&format!("{daemon}; echo 'echo 6' > sum.sh && echo wrote six"));
        let real = Real::playing(program, Scenario::ByWords(rules)).await;
        real.stub.hold(Some("wrote six"));
        let mut server = real.world.serve("a", None);
        let created = server.start(&real.world).await.unwrap();
        let id = created["id"].as_str().unwrap();
        until(&server, "the agent's second question", || real.stub.asked().len() >= 2).await;
        let work = processes_of(id);
        assert!(work.len() >= 2, "{program:?}: {work:?}");
        server.signal(Signal::SIGKILL);
        server.died("SIGKILL").await;
        real.stub.hold(None);
        goes_on_to_its_end(&real, "killed while the agent works").await;
        let left: Vec<_> = work.iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists()).collect();
        assert!(left.is_empty(), "{program:?}: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn killed_while_act_runs_the_workflow_the_check_is_made_again() {
    let real = Real::new(Program::Codex).await;
    let mut server = real.world.serve("a", None);
    let created = server.start(&real.world).await.unwrap();
    let id = created["id"].as_str().unwrap();
    let is_act = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).next().is_some_and(|program| program.ends_with(b"/act"))
    };
    until(&server, "act", || processes_of(id).iter().any(is_act)).await;
    server.signal(Signal::SIGKILL);
    server.died("SIGKILL").await;
    goes_on_to_its_end(&real, "killed while act runs").await;
}

async fn until(server: &Server, what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} never came: {}", server.said());
        tokio::time::sleep(POLL).await;
    }
}
