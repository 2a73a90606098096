use std::time::{Duration, Instant};

use ampx::task::TaskStatus;
use serde_json::json;
use testkit::github::sign;
use testkit::http::Server;

use super::{ADD, Hub, NAME, TOKEN, github_alone};
use crate::http::desk::serve;

const SECRET: &str = "a webhook's secret";

/// A hub that looks once an hour, and its server.
async fn waiting(keys: &str) -> (Hub, Server) {
    let mut setup = github_alone(ADD);
    setup.ampx = "poll_interval_s = 3600\n".into();
    let fake = testkit::github::FakeGitHub::start(opsmith_model::Clock::system()).await;
    fake.add_token(TOKEN, "opsmith");
    let hub = Hub::with(fake, &format!("token = \"{TOKEN}\"\n{keys}"), setup, &[]).await;
    let server = serve(&hub.world.ampx).await;
    (hub, server)
}

fn secret() -> String {
    format!("webhook_secret = \"{SECRET}\"\n")
}

async fn post(server: &Server, event: &str, id: &str, signature: &str, body: &[u8]) -> u16 {
    let request = server
        .post("/webhooks/github", &json!({}))
        .header("x-github-event", event)
        .header("x-github-delivery", id)
        .header("x-hub-signature-256", signature);
    request.body(body.to_vec()).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_wakes_a_waiting_task_at_once() {
    let (hub, server) = waiting(&secret()).await;
    hub.fake.add_webhook(server.get("/webhooks/github").build().unwrap().url().as_str(), SECRET);
    let id = hub.start().await;
    let sha = hub.awaited(id, 1).await;
    let reported = Instant::now();
    hub.fake.report(NAME, &sha, "ci/any", "success");
    let task = hub.world.ended(id).await.task;
    assert_eq!(task.status, TaskStatus::Success, "{}", task.summary);
    assert!(reported.elapsed() < Duration::from_secs(30), "{:?}", reported.elapsed());
    let told = hub.fake.deliveries().into_iter().find(|delivery| delivery.event == "status").unwrap();
    assert_eq!(told.answers, [204]);
    assert_eq!(hub.fake.deliver(&told.id).await, 409, "a replay");
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_or_was_taken_before_wakes_nobody() {
    let (hub, server) = waiting(&secret()).await;
    let body = json!({ "sha": "a".repeat(40), "repository": { "html_url": "https://github.com/a/b" } });
    let body = body.to_string().into_bytes();
    let good = sign(SECRET, &body);
    let wrong = sign("another", &body);
    for (signature, status) in [(wrong.as_str(), 401), ("", 401), (&good, 204), (&good, 409)] {
        assert_eq!(post(&server, "status", "1", signature, &body).await, status, "{signature}");
    }
    assert_eq!(post(&server, "status", "2", &sign(SECRET, b"[1"), b"[1").await, 400);
    let huge = vec![b' '; (25 << 20) + 1];
    assert_eq!(post(&server, "status", "3", "sha256=00", &huge).await, 413);
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_there_is_no_such_route() {
    let (hub, server) = waiting("").await;
    assert_eq!(post(&server, "status", "1", &sign("", b"{}"), b"{}").await, 404);
    hub.world.stop().await;
}
