use super::browser::{Seen, form, leads_to, see};
use crate::http::desk::Desk;

const STATUSES: [&str; 7] = ["queued", "running", "retrying", "needs_review", "success", "aborted", "error"];

#[tokio::test(flavor = "multi_thread")]
async fn an_action_is_done_where_the_state_allows_it_and_explained_elsewhere() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let seen = "a".repeat(12);
    for (action, fields, allowed, said) in [
        ("continue", &[][..], &["needs_review", "error"][..], "Sent on"),
        ("accept", &[("commit", seen.as_str())], &["needs_review"], "Accepted"),
        ("abort", &[], &["queued", "running", "retrying", "needs_review", "error"], "Given up"),
    ] {
        for status in STATUSES {
            let id = desk.create("https://example.com/a/b", "Do it").await;
            elsewhere.set_commit(&id).await;
            elsewhere.set_status(&id, status).await;
            let answer = form(&desk.server, &format!("/tasks/{id}/{action}"), fields).send().await.unwrap();
            if allowed.contains(&status) {
                let shown = see(&desk.server, &leads_to(&answer)).await;
                assert!(shown.one(".notice.good").contains(said), "{action} {status}");
                continue;
            }
            let shown = Seen::of(answer).await;
            assert_eq!(shown.status, 409, "{action} {status}");
            assert!(shown.one(".notice.bad").contains(status), "{action} {status}: {}", shown.text);
            assert_eq!(shown.one("h1"), "Do it", "the task is still to be seen");
            assert_eq!(desk.server.json(&format!("/api/v1/tasks/{id}")).await["status"], status);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_on_with_what_was_typed() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let path = format!("/tasks/{id}/continue");
    for (typed, prompt) in [("", "Do it"), (" \r\n", "Do it"), ("Do it\r\nbetter", "Do it\nbetter")] {
        elsewhere.set_status(&id, "needs_review").await;
        leads_to(&form(&desk.server, &path, &[("prompt", typed)]).send().await.unwrap());
        assert_eq!(desk.server.json(&format!("/api/v1/tasks/{id}")).await["prompt"], prompt);
    }
    elsewhere.set_status(&id, "needs_review").await;
    let long = "x".repeat(50_001);
    let refused = Seen::of(form(&desk.server, &path, &[("prompt", &long)]).send().await.unwrap()).await;
    assert_eq!((refused.status, refused.typed("#prompt")), (400, long), "what was typed is not lost");
    assert!(refused.one(".notice.bad").contains("at most 50000 characters"));
    let unknown = Seen::of(form(&desk.server, &path, &[("promt", "x")]).send().await.unwrap()).await;
    assert_eq!(unknown.status, 400);
    let accept = format!("/tasks/{id}/accept");
    let unseen = Seen::of(form(&desk.server, &accept, &[]).send().await.unwrap()).await;
    assert_eq!(unseen.status, 400, "it does not say which commit was seen");
    let without = Seen::of(form(&desk.server, &accept, &[("commit", "0123456789ab")]).send().await.unwrap()).await;
    assert_eq!(without.status, 409, "there is no commit to accept");
}
