use serde_json::{Value, json};

use super::desk::{Desk, problem};

fn prompts(page: &Value) -> Vec<&str> {
    page["tasks"].as_array().unwrap().iter().map(|task| task["prompt"].as_str().unwrap()).collect()
}

/// Five tasks: one of another repository, one running, one that ended.
async fn five() -> Desk {
    let desk = Desk::open().await;
    let mut ids = Vec::new();
    for (repo, prompt) in [("a", "one"), ("a", "two"), ("b", "three"), ("a", "four"), ("a", "five")] {
        ids.push(desk.create(&format!("https://example.com/acme/{repo}"), prompt).await);
    }
    let elsewhere = desk.elsewhere().await;
    elsewhere.set_status(&ids[0], "running").await;
    elsewhere.set_status(&ids[1], "success").await;
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_newest_first_by_page_and_filter() {
    let desk = five().await;
    // Ids of one millisecond are in no order of their own.
    let all = desk.server.json("/api/v1/tasks").await;
    let order = prompts(&all);
    assert_eq!((order.len(), &all["total"]), (5, &json!(5)));
    let ids: Vec<&str> = all["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b));

    for (query, expected) in [
        ("limit=2", &order[..2]),
        ("limit=2&offset=2", &order[2..4]),
        ("limit=2&offset=4", &order[4..]),
        ("limit=100&offset=4294967295", &[]),
        ("limit=0", &[]),
    ] {
        let page = desk.server.json(&format!("/api/v1/tasks?{query}")).await;
        assert_eq!((prompts(&page).as_slice(), &page["total"]), (expected, &json!(5)), "{query}");
    }
    for (query, expected) in [
        ("status=queued", vec!["five", "four", "three"]),
        ("status=running,success", vec!["one", "two"]),
        ("status=running,%20success", vec!["one", "two"]),
        ("status=aborted", vec![]),
        ("repo=https://example.com/acme/b", vec!["three"]),
        ("repo=https%3A%2F%2Fexample.com%2Facme%2Fb&status=running", vec![]),
        ("created_by=user:ada", vec!["five", "four", "one", "three", "two"]),
        ("created_by=agent:ada", vec![]),
    ] {
        let page = desk.server.json(&format!("/api/v1/tasks?{query}")).await;
        let mut found = prompts(&page);
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
        assert_eq!(page["total"], expected.len(), "{query}");
    }
    let active = desk.server.json("/api/v1/tasks/active").await;
    assert_eq!(active["total"], 4);
    assert!(!prompts(&active).contains(&"two"));
    assert_eq!(prompts(&desk.server.json("/api/v1/tasks/active?limit=1").await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_does_not_hold_names_the_parameter() {
    let desk = Desk::open().await;
    for (query, field) in [
        ("tasks?limit=101", "limit"),
        ("tasks?limit=-1", "limit"),
        ("tasks?limit=many", "limit"),
        ("tasks?offset=4294967296", "offset"),
        ("tasks?offset=-1", "offset"),
        ("tasks?status=done", "status"),
        ("tasks?status=queued,", "status"),
        ("tasks?created_by=ada", "created_by"),
        ("tasks?page=2", "page"),
        ("tasks/active?limit=101", "limit"),
        ("tasks/active?status=queued", "status"),
        ("events?task=&since=1", "since"),
    ] {
        let answer = desk.server.get(&format!("/api/v1/{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        let problem = problem(answer).await;
        assert_eq!(problem.fields.keys().collect::<Vec<_>>(), [field], "{query}: {}", problem.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_none_tells_those_there_are() {
    let desk = Desk::open().await;
    for (word, hint) in [
        ("merged", Some("a merged task is a `success` with a `merged_at`")),
        ("runing", Some("did you mean `running`?")),
        ("somewhere", None),
    ] {
        let refused = desk.server.get(&format!("/api/v1/tasks?status={word}")).send().await.unwrap();
        let refused = problem(refused).await;
        let all = "queued, running, retrying, needs_review, success, aborted, error";
        assert_eq!((refused.status, &refused.fields["status"]), (400, &format!("`{word}` is none of {all}")));
        assert_eq!(refused.hint.as_deref(), hint);
    }
}
