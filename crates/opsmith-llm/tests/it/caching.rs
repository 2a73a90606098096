//! Answers kept: in the store on both databases, and in a real Redis where one is installed.

use chrono::{Duration, TimeZone, Utc};
use opsmith_llm::{CacheOptions, Caching, Client, ClientOptions, Origin, Request, ResponseCache, Usd};
use opsmith_model::{Clock, Secret};
use testkit::{Redis, TestStore};

use crate::stub::{Gateway, messages, stream};
use crate::{OPUS, anthropic, hello, options};

testkit::on_both_databases!(
    the_same_request_is_answered_once,
    only_what_is_meant_to_be_the_same_is_kept,
    a_kept_answer_has_its_time,
    old_and_large_answers_go,
);

async fn in_store(store: &TestStore, cache: CacheOptions) -> (ResponseCache, opsmith_model::ManualClock) {
    store.migrate(&[opsmith_llm::migrations]).await.unwrap();
    let (clock, hand) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap());
    (ResponseCache::in_store((**store).clone(), clock, cache), hand)
}

fn on(gateway: &Gateway, cache: ResponseCache) -> Client {
    Client::new(anthropic(gateway), ClientOptions { cache: Some(cache), ..options() }).unwrap()
}

fn steady(text: &str) -> Request {
    Request { temperature: Some(0.0), ..Request::new(OPUS, text, 1000) }
}

async fn the_same_request_is_answered_once(store: TestStore) {
    let (cache, _) = in_store(&store, CacheOptions::default()).await;
    the_second_comes_from(cache).await;
}

async fn the_second_comes_from(cache: ResponseCache) {
    let gateway = Gateway::start(vec![messages::say("First."), messages::say("Second.")]).await;
    let client = on(&gateway, cache);
    let first = client.complete(&steady("Hello")).await.unwrap();
    let again = client.complete(&steady("Hello")).await.unwrap();
    assert_eq!((first.origin, again.origin), (Origin::Provider, Origin::Cache));
    assert_eq!((again.text(), again.cost), ("First.".to_owned(), Some(Usd::default())));
    assert_eq!((again.usage, again.stop), (first.usage, first.stop));
    assert_eq!(client.complete(&steady("Hello!")).await.unwrap().text(), "Second.");
    assert_eq!(gateway.asked().len(), 2);
}

async fn only_what_is_meant_to_be_the_same_is_kept(store: TestStore) {
    let (cache, _) = in_store(&store, CacheOptions::default()).await;
    let warm = Request { temperature: Some(0.1), ..hello(OPUS) };
    let never = Request { caching: Caching::Never, ..steady("Hello") };
    for request in [hello(OPUS), warm, never] {
        let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
        let client = on(&gateway, cache.clone());
        client.complete(&request).await.unwrap();
        client.complete(&request).await.unwrap();
        assert_eq!(gateway.asked().len(), 2, "{request:?}");
    }
    let wanted = Request { caching: Caching::Always, ..hello(OPUS) };
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let client = on(&gateway, cache.clone());
    client.complete(&wanted).await.unwrap();
    assert_eq!(client.complete(&wanted).await.unwrap().origin, Origin::Cache);
    // Half an answer is none.
    let events = messages::begin(1, 0, 0) + &messages::text(0, &["Half"]) + &messages::end("max_tokens", 1);
    let gateway = Gateway::start(vec![stream(events)]).await;
    let client = on(&gateway, cache);
    client.complete(&steady("Half")).await.unwrap();
    assert_eq!(client.complete(&steady("Half")).await.unwrap().origin, Origin::Provider);
}

async fn a_kept_answer_has_its_time(store: TestStore) {
    let options = CacheOptions { ttl: std::time::Duration::from_secs(3600), ..CacheOptions::default() };
    let (cache, hand) = in_store(&store, options).await;
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let client = on(&gateway, cache);
    let mut origins = Vec::new();
    for minutes in [0, 59, 1, 30] {
        hand.advance(Duration::minutes(minutes));
        origins.push(client.complete(&steady("Hello")).await.unwrap().origin);
    }
    assert_eq!(origins, [Origin::Provider, Origin::Cache, Origin::Provider, Origin::Cache]);
}

async fn old_and_large_answers_go(store: TestStore) {
    let options = CacheOptions { max_answer_bytes: 2_000, max_bytes: 20_000, ..CacheOptions::default() };
    let (cache, hand) = in_store(&store, options).await;
    let large = Gateway::start(vec![messages::say(&"x".repeat(2_000))]).await;
    let client = on(&large, cache.clone());
    client.complete(&steady("large")).await.unwrap();
    assert_eq!(client.complete(&steady("large")).await.unwrap().origin, Origin::Provider);

    let gateway = Gateway::start(vec![messages::say(&"x".repeat(1_000))]).await;
    let client = on(&gateway, cache);
    // One more than those between two looks at the size of all.
    for number in 0..65 {
        hand.advance(Duration::seconds(1));
        client.complete(&steady(&format!("number {number}"))).await.unwrap();
    }
    let mut kept = Vec::new();
    for number in (0..65).rev() {
        let before = gateway.asked().len();
        let request = Request { caching: Caching::Deterministic, ..steady(&format!("number {number}")) };
        client.complete(&request).await.unwrap();
        if gateway.asked().len() > before {
            break;
        }
        kept.push(number);
    }
    assert!((10..20).contains(&kept.len()), "{kept:?}");
}

fn in_redis(redis: &Redis, options: CacheOptions) -> ResponseCache {
    ResponseCache::in_redis(&Secret::new(redis.url()), options).unwrap()
}

#[tokio::test]
async fn redis_keeps_answers_for_their_time() {
    let Some(redis) = Redis::start().await else { return };
    the_second_comes_from(in_redis(&redis, CacheOptions::default())).await;
    let short = CacheOptions { ttl: std::time::Duration::from_millis(1), ..CacheOptions::default() };
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let client = on(&gateway, in_redis(&redis, short));
    client.complete(&steady("short")).await.unwrap();
    // Redis has a clock of its own; each request that it answers from what is kept ends sooner than that ticks.
    while client.complete(&steady("short")).await.unwrap().origin == Origin::Cache {}
    assert!(gateway.asked().len() >= 2);
}

#[tokio::test]
async fn a_cache_that_is_gone_is_none() {
    let gateway = Gateway::start(vec![messages::say("Hello.")]).await;
    let cache =
        ResponseCache::in_redis(&Secret::new("redis://:hunter2@127.0.0.1:1/0"), CacheOptions::default()).unwrap();
    assert!(!format!("{cache:?}").contains("hunter2"));
    let client = on(&gateway, cache);
    for _ in 0..2 {
        assert_eq!(client.complete(&steady("Hello")).await.unwrap().origin, Origin::Provider);
    }
    let error = ResponseCache::in_redis(&Secret::new("hunter2"), CacheOptions::default()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
