//! codex, opencode and claude themselves, against a stub of their models' APIs. `make e2e-agents` installs them and runs
//! these; without them they fail.

use std::time::Duration;

use ampx::task::{TaskDetail, TaskStatus};
use futures::StreamExt as _;
use testkit::llm::{ModelStub, Program, REAL_PROGRAMS, Turn};
use testkit::repo::TestRepo;
use tokio::time::timeout;

use super::{Setup, World};

/// How long a program may try its model by itself.
const MOST_PATIENCE: Duration = Duration::from_secs(240);

async fn world(program: Program, stub: &ModelStub, ampx: &str) -> World {
    let repo = TestRepo::new();
    if let Some((file, text)) = program.config(&stub.url()) {
        repo.commit("main", &[(file, &text)], "Configure");
    }
    let agent = program.settings(&program.path(), &stub.url());
    let setup = Setup { agent, ci: "sh test.sh".into(), ampx: ampx.into(), ..Setup::default() };
    World::with(super::folder(), repo, super::WRONG_SUM, setup).await
}

/// Has the task done, with more patience than other stories need.
async fn done(world: &World) -> TaskDetail {
    let id = world.start("Mend the sum").await;
    let run = world.ampx.task(id).await.unwrap().run_id.unwrap();
    timeout(MOST_PATIENCE, world.process.runs.wait(run)).await.expect("the run ends").unwrap();
    world.ampx.detail(id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_goes_from_red_to_green() {
    for program in REAL_PROGRAMS {
        let stub = ModelStub::playing(program.six_then_sum()).await;
        let world = world(program, &stub, "").await;
        let detail = done(&world).await;
        let log = world.log(detail.task.id).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{program:?}: {}\n{log}", detail.task.summary);
        let verdicts: Vec<_> = detail.attempts.iter().map(|attempt| attempt.ci_verdict.as_deref().unwrap()).collect();
        assert_eq!(verdicts, ["red", "green"], "{program:?}");
        assert!(detail.task.thread_id.is_some() && log.contains("The sum is right now."), "{program:?}: {log}");
        let asked = stub.asked();
        assert_eq!(asked.len(), 4, "{program:?}");
        // The second attempt has the failure, and the first one's words before it: it is the same session.
        let last = asked[3].to_string();
        assert!(last.contains("2 + 2 is not 6") && last.contains("I have tried six."), "{program:?}: {last}");
        for used in detail.attempts.iter().map(|attempt| attempt.usage) {
            let known = match program {
                Program::Codex | Program::Opencode | Program::Claude => Some(1100),
                Program::OpencodeAcp => None,
            };
            assert_eq!(used.input_tokens, known, "{program:?}");
            let tells_cost = matches!(program, Program::Opencode | Program::Claude);
            assert_eq!(used.cost_usd.is_some(), tells_cost, "{program:?}: {used:?}");
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_login_is_refused_ends_its_task_and_says_how_to_log_in() {
    for (program, login) in [
        (Program::Codex, "codex login"),
        (Program::Opencode, "opencode auth login"),
        (Program::OpencodeAcp, "opencode auth login"),
        (Program::Claude, "/login"),
    ] {
        let stub = ModelStub::start(vec![Turn::unauthorized()]).await;
        let world = world(program, &stub, "").await;
        let detail = done(&world).await;
        let summary = &detail.task.summary;
        assert_eq!(detail.task.status, TaskStatus::Error, "{program:?}: {summary}");
        assert!(summary.contains("its login was refused") && summary.contains(login), "{program:?}: {summary}");
        assert_eq!(detail.attempts.len(), 1, "{program:?} was asked again");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_model_breaks_comes_to_a_defined_end() {
    const OUT_OF_ORDER: &str = "does not answer as it should";
    const UNREADABLE: &str = "could not be read";
    let table = [
        (Program::Codex, Turn::broken(), OUT_OF_ORDER),
        (Program::Codex, Turn::rate_limited(), "limits its rate"),
        (Program::Codex, Turn::out_of_quota(), "nothing left to spend"),
        (Program::Codex, Turn::Malformed, OUT_OF_ORDER),
        (Program::Codex, Turn::HalfLine, OUT_OF_ORDER),
        (Program::Opencode, Turn::broken(), OUT_OF_ORDER),
        (Program::Opencode, Turn::rate_limited(), "limits its rate"),
        (Program::Opencode, Turn::out_of_quota(), "nothing left to spend"),
        (Program::Opencode, Turn::Malformed, UNREADABLE),
        (Program::Opencode, Turn::HalfLine, UNREADABLE),
        (Program::OpencodeAcp, Turn::broken(), OUT_OF_ORDER),
        (Program::OpencodeAcp, Turn::rate_limited(), "limits its rate"),
        (Program::OpencodeAcp, Turn::out_of_quota(), "nothing left to spend"),
        (Program::Claude, Turn::broken(), OUT_OF_ORDER),
        (Program::Claude, Turn::rate_limited(), "limits its rate"),
        (Program::Claude, Turn::out_of_quota(), "nothing left to spend"),
        (Program::Claude, Turn::Malformed, UNREADABLE),
        (Program::Claude, Turn::HalfLine, UNREADABLE),
    ];
    // opencode tries again for more than a minute.
    futures::stream::iter(table)
        .for_each_concurrent(4, async |(program, turn, words)| {
            let stub = ModelStub::start(vec![turn.clone()]).await;
            let world = world(program, &stub, "max_attempts = 1").await;
            let task = done(&world).await.task;
            assert_eq!(task.status, TaskStatus::Error, "{program:?} {turn:?}: {}", task.summary);
            assert!(task.summary.contains(words), "{program:?} {turn:?}: {}", task.summary);
            assert_eq!(world.repo.branches(), ["main"], "{program:?} {turn:?}");
            world.stop().await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_model_was_in_trouble_goes_on_with_the_next_attempt() {
    // It asks again itself, after a fault of the server in two ways.
    for (trouble, asks) in [(Turn::rate_limited(), 2), (Turn::broken(), 4), (Turn::HalfLine, 2)] {
        let codex = Program::Codex;
        let mend = codex.shell("echo 'echo $(($1 + $2))' > sum.sh");
        let turns = vec![trouble.clone(); asks].into_iter().chain([mend, Turn::text("Done.")]);
        let stub = ModelStub::start(turns.collect()).await;
        let world = world(codex, &stub, "").await;
        let detail = done(&world).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{trouble:?}: {}", detail.task.summary);
        let heads: Vec<bool> = detail.attempts.iter().map(|attempt| attempt.head_sha.is_some()).collect();
        assert_eq!(heads, [false, true], "{trouble:?}: {:?}", stub.asked().len());
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_model_never_comes_to_an_end_is_stopped_and_leaves_no_process() {
    let endless = REAL_PROGRAMS.into_iter().flat_map(|it| [(it, Turn::Hang), (it, Turn::Endless)]);
    // By that protocol opencode does not tell that it asks again and again.
    for (program, turn) in endless.chain([(Program::OpencodeAcp, Turn::HalfLine)]) {
        let stub = ModelStub::start(vec![turn.clone()]).await;
        let world = world(program, &stub, "agent_timeout_s = 10\nmax_attempts = 1").await;
        let detail = done(&world).await;
        let summary = &detail.task.summary;
        assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{program:?} {turn:?}: {summary}");
        assert!(summary.contains("was stopped after"), "{program:?} {turn:?}: {summary}");
        let marker = format!("ampx-{}-agent-1", detail.task.id).parse().unwrap();
        assert_eq!(world.ampx.sandbox().unwrap().reap(&marker).await.unwrap(), 0, "{program:?}");
        world.stop().await;
    }
}
