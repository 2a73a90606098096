//! What models do to the built-in agent, and what `[llm]` makes of it.

use ampx::task::{TaskDetail, TaskStatus};
use opsmith_llm::{Budget, Limits, Usd};
use serde_json::json;
use testkit::Redis;
use testkit::llm::{ModelStub, Rule, Scenario, Tokens, Turn};
use testkit::repo::TestRepo;

use super::{Setup, WRONG_SUM, World, folder};

const RIGHT: &str = "echo $(($1 + $2))\n";
/// A model with a price: 2 dollars a million tokens read, 8 written.
const PRICED: &str = "gpt-4.1";

fn setup(stub: &ModelStub, model: &str, llm: &str) -> Setup {
    let agent = format!("kind = \"builtin\"\nmodel = {model:?}\nbase_url = {:?}\n", stub.url());
    Setup { agent, ci: "sh test.sh".into(), more: format!("[llm]\n{llm}\n"), ..Setup::default() }
}

fn edit() -> Turn {
    Turn::tool("edit_file", json!({ "path": "sum.sh", "old": "echo 5\n", "new": RIGHT }))
}

fn refuse(status: u16, code: &'static str, retry_after_s: Option<u32>) -> Turn {
    Turn::Refuse { status, code, message: "not now", retry_after_s }
}

async fn done(world: &World) -> (TaskDetail, String) {
    let detail = world.done("Mend the sum").await;
    let log = world.log(detail.task.id).await;
    (detail, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_refusals_is_waited_out() {
    let limited = || refuse(429, "rate_limit_exceeded", Some(0));
    let overloaded = || refuse(529, "overloaded_error", Some(0));
    let turns = vec![limited(), limited(), overloaded(), limited(), edit(), overloaded(), Turn::text("Right.")];
    let stub = ModelStub::start(turns).await;
    let world = World::new(setup(&stub, "stub-model", "requests_per_minute = 6000")).await;
    let (detail, log) = done(&world).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    assert_eq!((detail.attempts.len(), stub.asked().len()), (1, 7));
    // What was refused was not used.
    assert_eq!(detail.attempts[0].usage.input_tokens, Some(1_100));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_end_has_one() {
    let stub = ModelStub::start(vec![Turn::Endless]).await;
    let endless = Setup { ampx: "max_attempts = 1\n".into(), ..setup(&stub, "stub-model", "timeout_s = 1") };
    let world = World::new(endless).await;
    let (detail, log) = done(&world).await;
    assert_eq!(detail.task.status, TaskStatus::Error, "{log}");
    assert!(detail.task.summary.contains("had not answered in full within 1 s"), "{}", detail.task.summary);
    assert_eq!(stub.asked().len(), 1, "what may have been paid for is not asked twice");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_spent_in_mid_stream_ends_the_go_and_what_came_is_counted() {
    // More than the model was told that it may write.
    let tokens = Tokens { input: 1_000, cached: 0, output: 9_000 };
    let turn = Turn::Say { text: "Well, ".to_owned(), tools: Vec::new(), tokens };
    let stub = ModelStub::start(vec![turn]).await;
    let world = World::new(setup(&stub, PRICED, "budget_usd_per_run = 0.02")).await;
    let (detail, log) = done(&world).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{log}");
    assert!(detail.task.summary.contains("budget spent"), "{}", detail.task.summary);
    assert!(log.contains("was spent before the answer was whole"), "{log}");
    let usage = detail.attempts[0].usage;
    assert_eq!((usage.output_tokens, usage.cost_usd), (Some(9_000), Some(0.074)));
    let spent = spent(&world, &detail).await;
    assert!(spent >= Usd::from_f64(0.074).unwrap(), "{spent}");
    assert_eq!(stub.asked().len(), 1);
    world.stop().await;
}

async fn spent(world: &World, detail: &TaskDetail) -> Usd {
    let (store, clock) = (world.process.store.clone(), world.process.clock.clone());
    let budget = Budget::new(store, clock, Limits::default(), Limits::default());
    budget.spent_by_run(&detail.task.id.to_string()).await.unwrap().usd
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_one_budget_for_all_tasks() {
    let rule = |words, turn| Rule { words, turn };
    let rules = vec![rule("edited", Turn::text("Right.")), rule("", edit())];
    let stub = ModelStub::playing(Scenario::ByWords(rules)).await;
    // Enough for the worst case of a turn, not for that of two tasks.
    let world = World::new(setup(&stub, PRICED, "budget_tokens_per_day = 12000")).await;
    let (first, log) = done(&world).await;
    assert_eq!(first.task.status, TaskStatus::Success, "{}\n{log}", first.task.summary);
    let mut last = first;
    let mut log = String::new();
    while last.task.status == TaskStatus::Success {
        (last, log) = done(&world).await;
    }
    assert_eq!(last.task.status, TaskStatus::NeedsReview, "{log}");
    assert!(last.task.summary.contains("budget spent") && log.contains("the budget of `day "), "{log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_in_dollars_wants_a_price_and_takes_the_users_own() {
    let stub = ModelStub::start(vec![edit(), Turn::text("Right.")]).await;
    let world = World::new(setup(&stub, "house-model", "budget_usd_per_day = 1.0")).await;
    let (detail, _) = done(&world).await;
    assert_eq!(detail.task.status, TaskStatus::Error);
    assert!(detail.task.summary.contains("has no known price"), "{}", detail.task.summary);
    assert!(stub.asked().is_empty());
    world.stop().await;

    let folder = folder();
    let prices = folder.path().join("prices.toml");
    let price = r#"{ name = "house-model", input = 10, output = 20, source = "ours", seen = "2026-11-21" }"#;
    std::fs::write(&prices, format!("date = \"2026-11-21\"\nmodels = [{price}]\n")).unwrap();
    let llm = format!("budget_usd_per_day = 1.0\nprices = {prices:?}");
    let world = World::with(folder, TestRepo::new(), WRONG_SUM, setup(&stub, "house-model", &llm)).await;
    let (detail, log) = done(&world).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    // 1,100 tokens read and 70 written.
    let cost = detail.attempts[0].usage.cost_usd.unwrap();
    assert!((cost - 0.012_4).abs() < 1e-9, "{cost}");
    world.stop().await;
}

async fn the_second_task_is_free(llm: &str) {
    let stub = ModelStub::start(vec![edit(), Turn::text("Right.")]).await;
    let world = World::new(setup(&stub, PRICED, llm)).await;
    let (first, log) = done(&world).await;
    assert_eq!(first.task.status, TaskStatus::Success, "{}\n{log}", first.task.summary);
    assert!(first.attempts[0].usage.cost_usd.unwrap() > 0.0);
    let asked = stub.asked().len();
    let (second, log) = done(&world).await;
    assert_eq!(second.task.status, TaskStatus::Success, "{}\n{log}", second.task.summary);
    assert_eq!(stub.asked().len(), asked, "nothing is asked twice");
    assert_eq!(second.attempts[0].usage.cost_usd, Some(0.0));
    assert_eq!(spent(&world, &second).await, Usd::default());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_kept_costs_nothing_the_second_time() {
    the_second_task_is_free("cache = \"store\"").await;
    let Some(redis) = Redis::start().await else { return };
    the_second_task_is_free(&format!("cache = \"redis\"\nredis_url = {:?}", redis.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_for_the_model_is_shortened() {
    let large = "a line of some length\n".repeat(4_000);
    let files = [WRONG_SUM, &[("large.txt", &large)]].concat();
    let stub = ModelStub::start(vec![
        Turn::tool("read_file", json!({ "path": "large.txt" })),
        Turn::tool("list_files", json!({})),
        refuse(400, "context_length_exceeded", None),
        edit(),
        Turn::text("Right."),
    ])
    .await;
    let world = World::with(folder(), TestRepo::new(), &files, setup(&stub, "stub-model", "")).await;
    let (detail, log) = done(&world).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    let asked: Vec<String> = stub.asked().iter().map(ToString::to_string).collect();
    assert!(asked[2].contains("a line of some length") && !asked[3].contains("a line of some length"));
    assert!(asked[3].contains("left out") && asked[3].contains("large.txt"));
    world.stop().await;
}
