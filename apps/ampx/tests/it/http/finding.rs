use serde_json::json;

use super::desk::{Desk, problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_short_id_will_do_while_it_is_unique() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "one").await;
    desk.create("https://example.com/a/b", "two").await;
    for short in [&id[18..], &id[18..].to_lowercase(), &id, &id.to_lowercase()] {
        assert_eq!(desk.server.json(&format!("/api/v1/tasks/{short}")).await["id"], json!(id), "{short}");
    }
    let short = &id[18..];
    for path in ["logs", "diff"] {
        assert_eq!(desk.server.get(&format!("/api/v1/tasks/{short}/{path}")).send().await.unwrap().status(), 200);
    }
    let abort = desk.server.patch(&format!("/api/v1/tasks/{short}"), &json!({ "action": "abort" }));
    assert_eq!(abort.send().await.unwrap().status(), 204);
    assert_eq!(desk.server.json(&format!("/api/v1/tasks/{id}")).await["status"], "aborted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_fits_several_or_none_is_told_apart() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "one").await;
    desk.create("https://example.com/a/b", "two").await;
    let several = problem(desk.server.get(&format!("/api/v1/tasks/{}", &id[..4])).send().await.unwrap()).await;
    assert_eq!((several.status, several.error.as_str()), (409, "conflict"));
    assert!(several.message.contains("fits 2 tasks"), "{}", several.message);
    for unknown in
        ["ZZZZ", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "%25", "_", "%F0%9F%98%80", "a%2Fb", "'%20OR%201=1", &"A".repeat(4_000)]
    {
        let none = problem(desk.server.get(&format!("/api/v1/tasks/{unknown}")).send().await.unwrap()).await;
        assert_eq!((none.status, none.error.as_str()), (404, "not_found"), "{unknown}");
    }
}
