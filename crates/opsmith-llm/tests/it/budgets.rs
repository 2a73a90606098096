//! Budgets that hold, whatever runs at the same time and however it ends.

use chrono::{Duration, TimeZone, Utc};
use opsmith_llm::{Budget, BudgetError, Client, ClientOptions, Limits, LlmError, Request, Spent, Usd};
use opsmith_model::{Clock, ErrorKind, Hint, ManualClock};
use serde_json::json;
use testkit::TestStore;

use crate::stub::{Act, Gateway, Script, chat, messages, stream};
use crate::{GPT, OPUS, anthropic, hello, openai, options};

testkit::on_both_databases!(
    what_was_not_used_is_given_back,
    requests_at_the_same_time_cannot_overspend,
    a_refusal_costs_nothing_and_a_lost_answer_its_worst_case,
    dollars_need_a_price,
    the_last_of_a_budget_ends_the_answer_and_keeps_what_came,
    a_day_has_its_own_budget,
);

fn usd(dollars: f64) -> Usd {
    Usd::from_f64(dollars).unwrap()
}

fn tokens(limit: u64) -> Limits {
    Limits { tokens: Some(limit), usd: None }
}

async fn budget(store: &TestStore, per_run: Limits, per_day: Limits) -> (Budget, ManualClock) {
    store.migrate(&[opsmith_llm::migrations]).await.unwrap();
    let (clock, hand) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 21, 23, 0, 0).unwrap());
    (Budget::new((**store).clone(), clock, per_run, per_day), hand)
}

fn on(gateway: &Gateway, budget: &Budget) -> Client {
    let options = ClientOptions { budget: Some(budget.clone()), ..options() };
    Client::new(anthropic(gateway), options).unwrap().for_run("r1")
}

fn body_bytes(gateway: &Gateway) -> u64 {
    gateway.asked()[0].header("content-length").unwrap().parse().unwrap()
}

async fn what_was_not_used_is_given_back(store: TestStore) {
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let (budget, _) = budget(&store, Limits { tokens: Some(5_000), usd: Some(usd(1.0)) }, Limits::default()).await;
    on(&gateway, &budget).complete(&hello(OPUS)).await.unwrap();
    // 100 × 4 + 20 × 20 dollars per million.
    let spent = Spent { tokens: 120, usd: usd(0.0008), unpriced_calls: 0 };
    assert_eq!(budget.spent_by_run("r1").await.unwrap(), spent);
    assert_eq!(budget.spent_today().await.unwrap(), spent);
    assert_eq!(budget.spent_by_run("r2").await.unwrap(), Spent::default());
}

async fn requests_at_the_same_time_cannot_overspend(store: TestStore) {
    // Each takes what it may: 1,000 tokens of output, and 100 of input.
    let events = messages::begin(100, 0, 0) + &messages::text(0, &["x"]) + &messages::end("end_turn", 1000);
    let gateway = Gateway::start(vec![stream(events)]).await;
    let (one, _) = budget(&store, tokens(10_000), Limits::default()).await;
    let (two, _) = budget(&store, tokens(10_000), Limits::default()).await;
    let clients = [on(&gateway, &one), on(&gateway, &two)];
    let calls = (0..24).map(|call| {
        let client = clients[call % 2].clone();
        tokio::spawn(async move { client.complete(&hello(OPUS)).await })
    });
    let calls: Vec<_> = calls.collect();
    let (mut answered, mut refused, mut cut) = (0, 0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(LlmError::Budget(BudgetError::Spent { scope, .. })) if scope == "run r1" => refused += 1,
            // Where less was left than it wanted, the provider was told so, and this one did not heed it.
            Err(LlmError::BrokenOff { .. }) => cut += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    let spent = one.spent_by_run("r1").await.unwrap().tokens;
    let told = format!("{answered} answered, {refused} refused, {cut} cut, {spent} spent");
    assert!((answered * 1_100..=10_000).contains(&spent), "{told}");
    assert!(answered >= 5 && refused > 0, "{told}");
    assert_eq!(gateway.asked().len() as u64, answered + cut, "who was refused sent nothing");
}

async fn a_refusal_costs_nothing_and_a_lost_answer_its_worst_case(store: TestStore) {
    let refused = messages::refuse(400, "invalid_request_error", "");
    let gateway = Gateway::start(vec![refused]).await;
    let (budget, _) = budget(&store, tokens(100_000), Limits::default()).await;
    on(&gateway, &budget).complete(&hello(OPUS)).await.unwrap_err();
    assert_eq!(budget.spent_by_run("r1").await.unwrap(), Spent::default());

    // Twice lost, then answered: the provider may have worked thrice.
    let gateway = Gateway::start(vec![vec![Act::Reset], vec![Act::Reset], messages::say("Hello.")]).await;
    on(&gateway, &budget).complete(&hello(OPUS)).await.unwrap();
    let spent = budget.spent_by_run("r1").await.unwrap();
    assert_eq!(spent.tokens, 2 * (body_bytes(&gateway) + 1_000) + 120);
}

async fn dollars_need_a_price(store: TestStore) {
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let (dollars, _) = budget(&store, Limits { tokens: None, usd: Some(usd(1.0)) }, Limits::default()).await;
    let error = on(&gateway, &dollars).complete(&hello("house-model")).await.unwrap_err();
    assert!(matches!(error, LlmError::Budget(BudgetError::Unpriced { .. })), "{error:?}");
    assert_eq!((error.kind(), gateway.asked().len()), (ErrorKind::Invalid, 0));
    let (counted, _) = budget(&store, tokens(10_000), Limits::default()).await;
    let completion = on(&gateway, &counted).complete(&hello("house-model")).await.unwrap();
    assert_eq!(completion.cost, None);
    let spent = Spent { tokens: 120, usd: Usd::default(), unpriced_calls: 1 };
    assert_eq!(counted.spent_by_run("r1").await.unwrap(), spent);
}

async fn the_last_of_a_budget_ends_the_answer_and_keeps_what_came(store: TestStore) {
    let request = hello(OPUS);
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let (plenty, _) = budget(&store, Limits::default(), Limits::default()).await;
    on(&gateway, &plenty).complete(&request).await.unwrap();
    let sent = body_bytes(&gateway);

    // Room for the request and 100 tokens: the provider is told so and stops there.
    let events = messages::begin(10, 0, 0) + &messages::text(0, &["So far"]) + &messages::end("max_tokens", 100);
    let gateway = Gateway::start(vec![stream(events)]).await;
    let client = on(&gateway, &plenty.clone().with_per_run(tokens(sent + 100))).for_run("r2");
    let error = client.complete(&request).await.unwrap_err();
    assert_eq!(gateway.bodies()[0]["max_tokens"], 100);
    let LlmError::BrokenOff { partial, source } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, LlmError::Budget(BudgetError::SpentMidway { ref scope }) if scope == "run r2"));
    assert_eq!((partial.text().as_str(), error.kind()), ("So far", ErrorKind::Denied));
    assert_eq!(plenty.spent_by_run("r2").await.unwrap().tokens, 110);

    // A provider that writes on all the same is cut off.
    let endless: Vec<u8> =
        messages::event("content_block_delta", json!({ "index": 0, "delta": { "type": "text_delta", "text": "x" } }))
            .into();
    let stopped = std::sync::Arc::new(tokio::sync::Notify::new());
    let mut script: Script = stream(messages::begin(10, 0, 0) + &messages::text(0, &[]));
    script.push(Act::Endless(endless, std::sync::Arc::clone(&stopped)));
    let gateway = Gateway::start(vec![script]).await;
    let client = on(&gateway, &plenty.clone().with_per_run(tokens(sent + 100))).for_run("r3");
    let error = client.complete(&request).await.unwrap_err();
    assert!(error.partial().is_some_and(|partial| partial.text().len() <= 101), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Denied);
    stopped.notified().await;
    assert_eq!(plenty.spent_by_run("r3").await.unwrap().tokens, sent + 100, "its worst case");
}

async fn a_day_has_its_own_budget(store: TestStore) {
    let writes = |tokens: u64| {
        let used = json!({ "prompt_tokens": 100, "completion_tokens": tokens });
        stream(chat::delta(json!({ "content": "x" })) + &chat::end("stop", used))
    };
    let gateway = Gateway::start(vec![writes(500), writes(20)]).await;
    let (budget, hand) = budget(&store, Limits::default(), Limits { tokens: None, usd: Some(usd(0.02)) }).await;
    let options = ClientOptions { budget: Some(budget.clone()), ..options() };
    let client = Client::new(openai(&gateway), options).unwrap();
    // 100 × 2 + 500 × 8 dollars per million, of two cents.
    client.for_run("a").complete(&hello(GPT)).await.unwrap();
    assert_eq!(budget.spent_today().await.unwrap().usd, usd(0.0042));
    let large = Request { system: Some("x".repeat(8_000)), max_tokens: 64, ..hello(GPT) };
    let error = client.for_run("b").complete(&large).await.unwrap_err();
    let LlmError::Budget(BudgetError::Spent { scope, .. }) = &error else { panic!("{error:?}") };
    assert_eq!(scope, "day 2026-11-21");
    hand.advance(Duration::hours(2));
    assert_eq!(budget.spent_today().await.unwrap(), Spent::default());
    client.for_run("b").complete(&large).await.unwrap();
    assert_eq!(budget.spent_today().await.unwrap().usd, usd(0.00036));
}
