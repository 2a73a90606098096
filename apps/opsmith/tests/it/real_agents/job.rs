use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::llm::{Program, REAL_PROGRAMS, Scenario, Turn};

use super::Real;
use crate::kill::server::Server;
use crate::process::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_and_act_go_from_red_to_a_merged_pull_request() {
    for program in REAL_PROGRAMS {
        let real = Real::new(program).await;
        let server = real.world.serve("a", None);
        let url = real.world.repo.url();
        let done = ampx(&real, &server, &["start", &url, "Make the sum right", "--wait", "-o", "json"]).await;
        let task: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
        assert_eq!(done.status.code(), Some(0), "{program:?}: {task:#}");
        real.assert_done(&task, "the main job").await;
        let excerpt = task["attempts"][0]["log_excerpt"].as_str().unwrap();
        assert!(excerpt.contains("== ci.yml: test: sums") && excerpt.contains("2 + 2 is not 6"), "{excerpt}");
        assert!(task["summary"].as_str().unwrap().contains("passed by act"), "{task:#}");
        assert_eq!(real.stub.asked().len(), 4, "{program:?}: one go an attempt");
        for attempt in task["attempts"].as_array().unwrap() {
            let usage = &attempt["usage"];
            match program {
                Program::Codex | Program::Opencode | Program::Claude => {
                    assert_eq!(usage["input_tokens"], 1100, "{program:?}: {attempt:#}");
                }
                Program::OpencodeAcp => assert_eq!(usage["input_tokens"], Value::Null, "{attempt:#}"),
            }
            let tells_cost = matches!(program, Program::Opencode | Program::Claude);
            assert_eq!(usage["cost_usd"].is_f64(), tells_cost, "{program:?}: {attempt:#}");
        }
        merges(&real, &server, task["id"].as_str().unwrap()).await;
        real.assert_nothing_left(server, "the main job").await;
    }
}

async fn merges(real: &Real, server: &Server, id: &str) {
    let asked = ampx(real, server, &["merge", id]).await;
    assert_eq!(asked.status.code(), Some(4), "{asked:?}");
    let merged = ampx(real, server, &["merge", id, "--delete-branch", "--yes"]).await;
    assert_eq!(merged.status.code(), Some(0), "{merged:?}");
    let repo = &real.world.repo;
    assert_eq!(repo.read("main", "sum.sh"), "echo $(($1 + $2))");
    assert_eq!(repo.log("main").len(), 3, "a squash is one commit");
    // The branch goes a moment after the merge was answered.
    let deadline = Instant::now() + PATIENCE;
    while repo.branches() != ["main"] {
        assert!(Instant::now() < deadline, "the branch stayed: {:?}", repo.branches());
    }
}

/// 429 all the time: the next attempt waits, and what then stays is told in the task.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_rate_limit_is_waited_out_before_the_next_attempt() {
    let program = Program::Codex;
    // codex asks twice itself.
    let mend = program.shell("echo 'echo $(($1 + $2))' > sum.sh");
    let turns = vec![Turn::rate_limited(), Turn::rate_limited(), mend, Turn::text("Done.")];
    let real = Real::playing(program, Scenario::InOrder(turns)).await;
    let config = real.world.config("a");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("retry_delay_s = 0", "retry_delay_s = 4")).unwrap();
    let server = real.world.serve("a", None);
    let created = server.start(&real.world).await.unwrap();
    let task = server.end_of(created["id"].as_str().unwrap()).await;
    assert_eq!(task["status"], "success", "{task:#}");
    let attempts = task["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 2, "{task:#}");
    assert!(attempts[0]["summary"].as_str().unwrap().contains("limits its rate"), "{task:#}");
    let time = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap();
    let waited = time(&attempts[1]["started_at"]) - time(&attempts[0]["finished_at"]);
    // A tenth more or less.
    assert!(waited.to_std().unwrap() >= Duration::from_millis(3600), "{waited}");
    real.assert_nothing_left(server, "rate limit").await;
}

/// A command of ampx against the server.
async fn ampx(real: &Real, server: &Server, words: &[&str]) -> Output {
    let mut command = real.world.command("a", &[&["ampx", "--api-url", server.name()], words].concat());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}
