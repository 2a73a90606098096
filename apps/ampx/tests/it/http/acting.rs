use serde_json::{Value, json};

use super::desk::{Desk, problem};

const STATUSES: [&str; 7] = ["queued", "running", "retrying", "needs_review", "success", "aborted", "error"];

/// The contract's table: where each action may begin, and where it leads.
const ALLOWED: [(&str, &[&str], &str); 3] = [
    ("continue", &["needs_review", "error"], "running"),
    ("accept", &["needs_review"], "running"),
    ("abort", &["queued", "running", "retrying", "needs_review", "error"], "aborted"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_done_where_the_table_allows_it_and_refused_elsewhere() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    for (action, allowed, leads_to) in ALLOWED {
        for status in STATUSES {
            let id = desk.create("https://example.com/a/b", "Do it").await;
            elsewhere.set_commit(&id).await;
            elsewhere.set_status(&id, status).await;
            let (path, before) = (format!("/api/v1/tasks/{id}"), desk.ampx.last_event().await.unwrap());
            let answer = desk.server.patch(&path, &json!({ "action": action })).send().await.unwrap();
            let after = desk.server.json(&path).await;
            if allowed.contains(&status) {
                assert_eq!(answer.status(), 204, "{action} {status}");
                assert_eq!(answer.bytes().await.unwrap().len(), 0);
                assert_eq!(after["status"], leads_to, "{action} {status}");
            } else {
                assert_eq!(answer.status(), 409, "{action} {status}");
                let problem = problem(answer).await;
                assert!(problem.error == "conflict" && problem.message.contains(status), "{}", problem.message);
                assert_eq!(after["status"], status);
                assert_eq!(desk.ampx.last_event().await.unwrap(), before, "nothing has happened");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_on_with_a_new_prompt_or_the_one_it_had() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let path = format!("/api/v1/tasks/{id}");
    let first = desk.server.json(&path).await;
    for (body, prompt) in [
        (json!({ "action": "continue" }), "Do it"),
        (json!({ "action": "continue", "prompt": null }), "Do it"),
        (json!({ "action": "continue", "prompt": "Do it better" }), "Do it better"),
    ] {
        elsewhere.set_status(&id, "needs_review").await;
        assert_eq!(desk.server.patch(&path, &body).send().await.unwrap().status(), 204);
        let task = desk.server.json(&path).await;
        assert_eq!(task["prompt"], prompt);
        assert_ne!(task["run_id"], first["run_id"], "another run takes it up");
    }
    elsewhere.set_status(&id, "needs_review").await;
    let accept = problem(desk.server.patch(&path, &json!({ "action": "accept" })).send().await.unwrap()).await;
    assert_eq!(accept.status, 409, "there is no commit to accept");
    assert!(accept.hint.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_is_none_names_the_field() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    desk.elsewhere().await.set_status(&id, "needs_review").await;
    let path = format!("/api/v1/tasks/{id}");
    for (body, field) in [
        (json!({}), "action"),
        (json!({ "action": "merge" }), "action"),
        (json!({ "action": "abort", "prompt": "no" }), "prompt"),
        (json!({ "action": "accept", "force": true }), "force"),
        (json!({ "action": "continue", "promt": "x" }), "promt"),
        (json!({ "action": "continue", "prompt": "" }), "prompt"),
        (json!({ "action": "continue", "prompt": "x".repeat(50_001) }), "prompt"),
    ] {
        let answer = desk.server.patch(&path, &body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let problem = problem(answer).await;
        assert_eq!(problem.fields.keys().collect::<Vec<_>>(), [field], "{body}: {}", problem.message);
    }
    assert_eq!(desk.server.json(&path).await["status"], Value::from("needs_review"));
}
