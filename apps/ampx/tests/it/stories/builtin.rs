//! The built-in agent: a model's API alone, spoken to by the real client.

use ampx::NewTask;
use ampx::task::TaskStatus;
use serde_json::{Value, json};
use testkit::llm::{ModelStub, Tokens, ToolUse, Turn};

use super::{Setup, World, ada};

const RIGHT: &str = "echo $(($1 + $2))\n";

async fn world(stub: &ModelStub, model: &str, ampx: &str) -> World {
    let agent = format!("kind = \"builtin\"\nmodel = {model:?}\nbase_url = {:?}\n", stub.url());
    World::new(Setup { agent, ci: "sh test.sh".into(), ampx: ampx.into(), ..Setup::default() }).await
}

fn edit(new: &str) -> Turn {
    Turn::tool("edit_file", json!({ "path": "sum.sh", "old": "echo 5\n", "new": new }))
}

/// What the tools answered so far, from a request of the model's.
fn results(asked: &Value) -> Vec<String> {
    let messages = asked["messages"].as_array().unwrap().iter();
    let results = messages.filter(|message| message["role"] == "tool");
    results.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_searches_edits_and_runs_the_tests() {
    let stub = ModelStub::start(vec![
        Turn::tool("list_files", json!({})),
        Turn::tool("search", json!({ "pattern": "is not" })),
        Turn::tool("read_file", json!({ "path": "sum.sh" })),
        Turn::tool("run_tests", json!({})),
        edit(RIGHT),
        Turn::tool("run_tests", json!({})),
        Turn::text("The sum is right now."),
    ])
    .await;
    let world = world(&stub, "stub-model", "").await;
    let detail = world.done("Mend the sum").await;
    let log = world.log(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    assert_eq!(world.repo.read(&detail.task.branch, "sum.sh"), RIGHT.trim_end());
    assert_eq!(detail.attempts.len(), 1);
    for line in ["[read_file] sum.sh", "[search] is not", "[edit] sum.sh", "The sum is right now."] {
        assert!(log.contains(line), "{line}: {log}");
    }
    let asked = stub.asked();
    let results = results(asked.last().unwrap());
    assert_eq!(results[0], "sum.sh\ntest.sh");
    assert!(results[1].starts_with("test.sh:1:"), "{results:?}");
    assert_eq!(results[2], "    1  echo 5\n");
    assert!(results[3].starts_with("it failed: exited with 1\n2 + 2 is not 5"), "{results:?}");
    assert_eq!(results[4], "edited `sum.sh`");
    assert!(results[5].starts_with("it passed"), "{results:?}");
    // Six tool turns of 1,000 + 50 and one of 100 + 20 tokens; what the stub's model costs nobody knows.
    let usage = detail.attempts[0].usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost_usd), (Some(6_100), Some(320), None));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_attempt_is_followed_by_one_that_has_its_log() {
    let stub = ModelStub::start(vec![
        edit("echo 6\n"),
        Turn::text("Six."),
        Turn::tool("edit_file", json!({ "path": "sum.sh", "old": "echo 6\n", "new": RIGHT })),
        Turn::text("Right."),
    ])
    .await;
    let world = world(&stub, "stub-model", "").await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(detail.attempts.len(), 2);
    assert!(stub.asked()[2].to_string().contains("2 + 2 is not 6"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_model_asks_for_in_vain_is_told_to_it_and_changes_nothing() {
    let calls = [
        ("read_file", json!({ "path": "../../secret" })),
        ("read_file", json!({ "path": "/etc/passwd" })),
        ("edit_file", json!({ "path": ".git/hooks/pre-commit", "old": "", "new": "#!/bin/sh\n" })),
        ("edit_file", json!({ "path": "sum.sh", "old": "not there", "new": "x" })),
        ("edit_file", json!({ "path": "sum.sh" })),
        ("shell", json!({ "command": "rm -rf /" })),
    ];
    let tools: Vec<ToolUse> = calls.into_iter().map(|(name, arguments)| ToolUse { name, arguments }).collect();
    let tokens = Tokens { input: 10, cached: 0, output: 5 };
    let vain = Turn::Say { text: "I try.".to_owned(), tools, tokens };
    let stub = ModelStub::start(vec![vain, edit(RIGHT), Turn::text("Done.")]).await;
    let world = world(&stub, "stub-model", "").await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    let results = results(&stub.asked()[1]);
    assert_eq!(results.len(), 6);
    for (result, told) in results.iter().zip(["within", "within", "git's own", "not in", "missing field", "no tool"]) {
        assert!(result.contains(told), "{result}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_counted_and_a_refused_key_ends_the_task() {
    let stub = ModelStub::start(vec![Turn::tool("list_files", json!({}))]).await;
    let looping = world(&stub, "stub-model", "agent_max_turns = 3\n").await;
    let detail = looping.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    assert_eq!(stub.asked().len(), 4);
    assert!(looping.log(detail.task.id).await.contains("was stopped after 3 uses of its tools"));
    looping.stop().await;

    let stub = ModelStub::start(vec![Turn::unauthorized()]).await;
    let refused = world(&stub, "stub-model", "").await;
    let detail = refused.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Error, "{}", detail.task.summary);
    assert!(detail.task.summary.contains("its login was refused"), "{}", detail.task.summary);
    assert_eq!(stub.asked().len(), 1);
    refused.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_in_dollars_holds_before_it_is_overspent() {
    // gpt-4.1 costs 2 dollars per million read and 8 written: one answer may take 16,000 × 8 = 0.128.
    let stub = ModelStub::start(vec![Turn::tool("list_files", json!({}))]).await;
    let world = world(&stub, "gpt-4.1", "").await;
    let new = NewTask {
        repo: world.repo.url(),
        prompt: "Mend the sum".to_owned(),
        budget_usd: Some(0.02),
        ..NewTask::default()
    };
    let id = world.ampx.create(&new, &ada(), None).await.unwrap().id;
    let detail = world.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    let log = world.log(id).await;
    assert!(log.contains("was stopped with its budget spent"), "{log}");
    let spent: f64 = detail.attempts.iter().filter_map(|attempt| attempt.usage.cost_usd).sum();
    assert!(spent > 0.0 && spent <= 0.02, "{spent}");
    // The provider was told to write no more than there was money for.
    let limits: Vec<u64> = stub.asked().iter().map(|asked| asked["max_tokens"].as_u64().unwrap()).collect();
    assert!(limits.len() > 1 && limits.iter().all(|limit| *limit < 2_500), "{limits:?}");
    world.stop().await;
}
