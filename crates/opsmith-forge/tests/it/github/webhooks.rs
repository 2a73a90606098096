use chrono::Duration;
use opsmith_forge::github::webhook::{DeliveryHeaders, MAX_BODY_BYTES, WebhookError, Webhooks};
use opsmith_model::{Clock, ErrorKind, Hint as _, Secret};
use serde_json::{Value, json};
use testkit::github::sign;

const KEY: &str = "a webhook's secret";

fn receiver() -> Webhooks {
    Webhooks::new(Secret::new(KEY), Clock::system())
}

fn push(sha: &str) -> Vec<u8> {
    let repository = json!({ "html_url": "https://github.com/Acme/API" });
    json!({ "ref": "refs/heads/fix/b", "after": sha, "repository": repository }).to_string().into_bytes()
}

fn headers<'a>(event: &'a str, id: &'a str, signature: &'a str) -> DeliveryHeaders<'a> {
    DeliveryHeaders { event: Some(event), delivery: Some(id), signature: Some(signature) }
}

#[test]
fn only_what_is_signed_is_taken() {
    let hooks = receiver();
    let body = push(&"a".repeat(40));
    let good = sign(KEY, &body);
    let wrong = sign("another secret", &body);
    let cut = &good[..good.len() - 2];
    let sha1 = good.replace("sha256=", "sha1=");
    let upper = good.to_uppercase();
    for bad in [wrong.as_str(), cut, "sha256=", "", &sha1, &upper, &sign(KEY, b"other"), "sha256=zz"] {
        let error = hooks.take(headers("push", "1", bad), &body).unwrap_err();
        assert!(matches!(error, WebhookError::BadSignature), "{bad}: {error:?}");
        assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::Unauthenticated, true));
    }
    let unsigned = DeliveryHeaders { signature: None, ..headers("push", "1", "") };
    assert!(matches!(hooks.take(unsigned, &body), Err(WebhookError::MissingHeader("x-hub-signature-256"))));
    let empty = Webhooks::new(Secret::new(""), Clock::system());
    assert!(matches!(empty.take(headers("push", "1", &sign("", &body)), &body), Err(WebhookError::BadSignature)));
    let huge = vec![b' '; MAX_BODY_BYTES + 1];
    assert!(matches!(hooks.take(headers("push", "1", "x"), &huge), Err(WebhookError::TooLarge { .. })));
    let changed = hooks.take(headers("push", "1", &good), &body).unwrap().unwrap();
    assert_eq!(changed.repository.as_str(), "github.com/acme/api");
    assert_eq!((changed.sha, changed.branch.as_deref()), (Some("a".repeat(40)), Some("fix/b")));
}

#[test]
fn a_thousand_deliveries_with_duplicates_and_out_of_order_are_each_taken_once() {
    let (clock, hand) = Clock::manual(chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    let hooks = Webhooks::new(Secret::new(KEY), clock);
    let mut taken = Vec::new();
    // Every delivery comes three times, and in an order of its own: 7 and 1,000 have no common divisor.
    for turn in 0..3_000_usize {
        let number = turn * 7 % 1_000;
        let body = push(&format!("{number:040x}"));
        // The id is not signed: a thief of a delivery can give it another one.
        let id = if turn < 2_000 { number.to_string() } else { format!("stolen {turn}") };
        match hooks.take(headers("push", &id, &sign(KEY, &body)), &body) {
            Ok(changed) => taken.push(changed.unwrap().sha.unwrap()),
            Err(error) => assert!(turn >= 1_000 && matches!(error, WebhookError::Replayed { .. }), "{turn}: {error:?}"),
        }
        hand.advance(Duration::seconds(1));
    }
    assert_eq!(taken.len(), 1_000);
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 1_000);
}

#[test]
fn each_event_names_its_commit_and_branch_and_others_are_let_be() {
    let sha = "b".repeat(40);
    let repository = json!({ "html_url": "https://ghe.example.com/a/b" });
    let with = |mut event: Value| {
        event["repository"] = repository.clone();
        event
    };
    let head = json!({ "head_sha": sha, "head_branch": "fix" });
    for (event, body, branch) in [
        (
            "pull_request",
            with(json!({ "action": "closed", "pull_request": { "head": { "ref": "fix", "sha": sha } } })),
            Some("fix"),
        ),
        ("check_suite", with(json!({ "check_suite": head })), Some("fix")),
        ("check_run", with(json!({ "check_run": { "head_sha": sha, "check_suite": head } })), Some("fix")),
        ("workflow_run", with(json!({ "workflow_run": head })), Some("fix")),
        ("status", with(json!({ "sha": sha, "branches": [{ "name": "fix" }] })), Some("fix")),
        ("status", with(json!({ "sha": sha })), None),
        ("push", with(json!({ "ref": "refs/tags/v1", "after": sha })), None),
    ] {
        let body = body.to_string().into_bytes();
        let changed = receiver().take(headers(event, "1", &sign(KEY, &body)), &body).unwrap().unwrap();
        assert_eq!((changed.sha.as_deref(), changed.branch.as_deref()), (Some(sha.as_str()), branch), "{event}");
        assert_eq!(changed.repository.as_str(), "ghe.example.com/a/b");
    }
    for (event, body) in
        [("ping", "{}"), ("star", "not JSON"), ("push", "{}"), ("status", "{\"repository\":{\"html_url\":\"x\"}}")]
    {
        let taken = receiver().take(headers(event, "1", &sign(KEY, body.as_bytes())), body.as_bytes());
        assert_eq!(taken.unwrap(), None, "{event}");
    }
    for body in ["not JSON", "[]", "{\"sha\":5}", "\u{0}"] {
        let error = receiver().take(headers("push", "1", &sign(KEY, body.as_bytes())), body.as_bytes()).unwrap_err();
        assert!(matches!(error, WebhookError::Garbled { .. }), "{body}");
    }
}
