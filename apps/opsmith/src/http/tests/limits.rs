use std::num::NonZeroU32;

use opsmith_guard::tokens::Role;
use opsmith_host::http::auth::{GateOptions, Limits, Rule};
use opsmith_model::{Principal, PrincipalKind};
use reqwest::{Method, Response};

use super::desk::{Desk, problem, usual};
use crate::http::access::RULES;

fn number(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap()
}

async fn desk() -> Desk {
    let limits = Limits { requests_per_s: NonZeroU32::MIN, requests_burst: number(4), wrong_tokens: number(2) };
    Desk::with(Principal::user("ada"), GateOptions { limits, ..usual() }).await
}

async fn refused(answer: Response) {
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=6).contains(&wait), "{wait}");
    let body = problem(answer).await;
    assert_eq!((body.status, body.error.as_str()), (429, "rate_limited"));
    assert!(body.hint.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_token_and_each_address_has_its_share_and_health_none() {
    let desk = desk().await;
    for _ in 0..20 {
        assert_eq!(desk.get("/api/v1/tasks").await.status(), 200, "the user of this machine is not counted");
    }
    let (_, one) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let (_, two) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let list = async |token: &str| desk.request(Method::GET, "/api/v1/tasks").bearer_auth(token).send().await.unwrap();
    for _ in 0..4 {
        assert_eq!(list(&one).await.status(), 200);
    }
    refused(list(&one).await).await;
    assert_eq!(list(&two).await.status(), 200, "another's share is another's");
    for _ in 0..4 {
        assert_eq!(desk.get("/api/v1/tasks").await.status(), 401);
    }
    refused(desk.get("/api/v1/tasks").await).await;
    for _ in 0..20 {
        assert_eq!(desk.get("/health").await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_are_counted_tightly_wherever_they_come_in() {
    let desk = desk().await;
    let (_, good) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let guess = async || desk.request(Method::GET, "/api/v1/tasks").bearer_auth("ops_guess").send().await.unwrap();
    let log_in = async |token: &str| {
        let form = desk.request(Method::POST, "/login").header("accept", "text/html");
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        form.body(format!("token={token}")).send().await.unwrap()
    };
    assert_eq!(guess().await.status(), 401);
    assert_eq!(log_in("ops_guess").await.status(), 401);
    refused(guess().await).await;
    let page = log_in("ops_guess").await;
    assert_eq!(page.status(), 429);
    assert!(page.headers().contains_key("retry-after"));
    assert!(page.text().await.unwrap().contains("too many wrong tokens"));
    assert_eq!(log_in(&good).await.status(), 303, "who has the right one is not shut out by who guesses");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_that_takes_a_body_bounds_it() {
    /// They read none.
    const WITHOUT: [&str; 4] = ["/api/v1/runs/{id}/cancel", "/api/v1/runs/{id}/retry", "/logout", "/tasks/{id}/abort"];
    let desk = Desk::open().await;
    let takes = |rule: &&Rule| ["POST", "PATCH"].contains(&rule.method) && !WITHOUT.contains(&rule.path);
    // That of client entries is smaller, and the webhooks' their own; both have tests.
    let common = |rule: &&Rule| rule.path != "/api/v1/audit" && !rule.path.starts_with("/webhooks/");
    let mut walked = 0;
    for rule in RULES.iter().filter(takes).filter(common) {
        let media =
            if rule.path.starts_with("/api/") { "application/json" } else { "application/x-www-form-urlencoded" };
        let request =
            desk.request(rule.method.parse().unwrap(), &rule.path.replace("{id}", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
        let answer = request.header("content-type", media).body("a".repeat((1 << 20) + 1)).send().await.unwrap();
        assert_eq!(problem(answer).await.status, 413, "{} {}", rule.method, rule.path);
        walked += 1;
    }
    assert!(walked > 8, "{walked}");
}
