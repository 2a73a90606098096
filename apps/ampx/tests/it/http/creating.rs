use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{Desk, problem};

const TASKS: &str = "/api/v1/tasks";

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_taken_in_and_shown_where_the_answer_says() {
    let desk = Desk::open().await;
    let body = json!({
        "repo": "https://example.com/acme/api", "prompt": "Fix the parser", "agent": "other", "base": "dev",
        "max_attempts": 5, "budget_usd": 1.5, "allow_test_edits": true, "labels": ["parser"],
    });
    let answer = desk.server.post(TASKS, &body).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = answer.json().await.unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/tasks/{id}"));
    assert!(created["branch"].as_str().unwrap().starts_with("amp/fix-the-parser-"));
    assert_eq!(created.as_object().unwrap().len(), 2);

    let task = desk.server.json(&location).await;
    for (name, sent) in body.as_object().unwrap() {
        assert_eq!(&task[name], sent, "{name}");
    }
    assert_eq!(task["status"], "queued");
    assert_eq!(task["created_by"], json!({ "kind": "user", "name": "ada" }));
    assert_eq!((&task["attempts"], &task["attempt_count"]), (&json!([]), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_hold_names_the_field() {
    let desk = Desk::open().await;
    let good = json!({ "repo": "https://example.com/a/b", "prompt": "Do it" });
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let long = "é".repeat(50_001);
    for (field, body) in [
        ("repo", json!({ "prompt": "Do it" })),
        ("prompt", json!({ "repo": "https://example.com/a/b" })),
        ("repo", with("repo", json!("../relative"))),
        ("repo", with("repo", json!("https://user:secret@example.com/a/b"))),
        ("repo", with("repo", json!(7))),
        ("prompt", with("prompt", json!(""))),
        ("prompt", with("prompt", json!(" \n\t"))),
        ("prompt", with("prompt", json!(long))),
        ("agent", with("agent", json!("mien"))),
        ("base", with("base", json!("-f"))),
        ("max_attempts", with("max_attempts", json!(0))),
        ("max_attempts", with("max_attempts", json!(21))),
        ("max_attempts", with("max_attempts", json!(-1))),
        ("budget_usd", with("budget_usd", json!(0))),
        ("labels", with("labels", json!([""]))),
        ("labels[1]", with("labels", json!(["a", 1]))),
        ("allow_test_edits", with("allow_test_edits", json!("yes"))),
        ("max_attemts", with("max_attemts", json!(1))),
    ] {
        let answer = desk.server.post(TASKS, &body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let problem = problem(answer).await;
        assert_eq!(problem.error, "invalid");
        assert_eq!(problem.fields.keys().collect::<Vec<_>>(), [field], "{}", problem.message);
        assert!(!problem.message.contains("secret"), "{}", problem.message);
    }
    let near = problem(desk.server.post(TASKS, &with("agent", json!("mien"))).send().await.unwrap()).await;
    assert_eq!(near.hint.as_deref(), Some("did you mean `mine`?"));
    let empty = problem(desk.server.post(TASKS, &with("prompt", json!(""))).send().await.unwrap()).await;
    assert_eq!(empty.message, "`prompt` is empty");
    let relative = problem(desk.server.post(TASKS, &with("repo", json!("tests/it"))).send().await.unwrap()).await;
    let whole = std::fs::canonicalize("tests/it").unwrap();
    assert_eq!(relative.hint.unwrap(), format!("give its whole path: `{}`", whole.display()));
    let longest = with("prompt", json!("é".repeat(50_000)));
    assert_eq!(desk.server.post(TASKS, &longest).send().await.unwrap().status(), 201);
    assert_eq!(desk.server.json(TASKS).await["total"], 1, "of the others none was taken in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_none_is_refused() {
    let desk = Desk::open().await;
    let good = r#"{"repo":"https://example.com/a/b","prompt":"Do it"}"#;
    let huge = format!(r#"{{"repo":"https://example.com/a/b","prompt":"{}"}}"#, "x".repeat(1 << 20));
    for (kind, body, status) in [
        ("application/json", good, 201),
        ("application/json; charset=utf-8", good, 201),
        ("application/json", "", 400),
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", "null", 400),
        ("application/json", &format!("{good}{good}"), 400),
        ("application/json", "{\"repo\":\"\\ud800\"}", 400),
        ("application/x-www-form-urlencoded", good, 415),
        ("text/plain", good, 415),
        ("application/json", &huge, 413),
    ] {
        let request = desk.server.request(Method::POST, TASKS).header("content-type", kind).body(body.to_owned());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{kind}: {}", body.chars().take(80).collect::<String>());
        if status != 201 {
            problem(answer).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_is_the_same_task() {
    let desk = Desk::open().await;
    let body = json!({ "repo": "https://example.com/a/b", "prompt": "Do it" });
    let send = |key: &str, body: &Value| desk.server.post(TASKS, body).header("idempotency-key", key).send();
    let first: Value = send("k-1", &body).await.unwrap().json().await.unwrap();
    let replayed = send("k-1", &body).await.unwrap();
    assert_eq!(replayed.status(), 201);
    assert_eq!(replayed.json::<Value>().await.unwrap(), first);
    let other: Value = send("k-2", &body).await.unwrap().json().await.unwrap();
    assert_ne!(other["id"], first["id"]);

    let reused = send("k-1", &json!({ "repo": "https://example.com/a/b", "prompt": "Do more" })).await.unwrap();
    assert_eq!(reused.status(), 409);
    assert!(problem(reused).await.message.contains(first["id"].as_str().unwrap()));

    let at_once = futures::future::join_all((0..8).map(|_| send("k-3", &body))).await;
    let mut ids = Vec::new();
    for answer in at_once {
        ids.push(answer.unwrap().json::<Value>().await.unwrap()["id"].clone());
    }
    assert!(ids.iter().all(|id| *id == ids[0] && id.is_string()), "{ids:?}");
    assert_eq!(desk.server.json(TASKS).await["total"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_hold_is_refused() {
    let desk = Desk::open().await;
    let body = json!({ "repo": "https://example.com/a/b", "prompt": "Do it" });
    for (key, status) in [(&*"k".repeat(255), 201), (&*"k".repeat(256), 400), ("", 400), ("a b", 400), ("é", 400)] {
        let answer = desk.server.post(TASKS, &body).header("idempotency-key", key).send().await.unwrap();
        assert_eq!(answer.status(), status, "{key}");
        if status == 400 {
            assert!(problem(answer).await.fields.contains_key("Idempotency-Key"));
        }
    }
    let twice = desk.server.post(TASKS, &body).header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(problem(twice.send().await.unwrap()).await.status, 400);
}
