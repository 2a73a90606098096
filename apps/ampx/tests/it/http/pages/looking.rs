use super::browser::{leads_to, page, see};
use crate::http::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_with_what_one_wants_to_know() {
    let desk = Desk::open().await;
    let empty = see(&desk.server, "/tasks").await;
    assert!(empty.one(".empty").contains("No tasks so far"), "{}", empty.text);
    assert_eq!(empty.values(".empty a", "href"), ["/tasks/new"]);

    let id = desk.create("https://example.com/acme/api.git", "Mend the parser\nand more").await;
    let list = see(&desk.server, "/tasks").await;
    assert_eq!(list.one(".tasks .badge"), "Queued");
    assert_eq!(list.one(".tasks a[data-row]"), "Mend the parser");
    assert_eq!(list.values(".tasks a[data-row]", "href"), [format!("/tasks/{id}")]);
    assert!(list.one(".tasks .what p").contains("acme/api"));
    assert_eq!(list.all(".views a"), ["All 1", "Active 1", "Needs review 0", "Success 0", "Error 0", "Aborted 0"]);
    assert_eq!(list.one(".pages"), "1–1 of 1");
    for absent in ["[style]", "script:not([src])", "style", "[onclick]"] {
        assert_eq!(list.all(absent).len(), 0, "the policy of contents lets none run: {absent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_filtered_and_paged_by_address() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    for n in 0..51 {
        let id = desk.create("https://example.com/acme/a_b", &format!("task {n}")).await;
        if n == 0 {
            elsewhere.set_status(&id, "needs_review").await;
        }
    }
    desk.create("https://example.com/acme/axb", "other").await;
    let first = see(&desk.server, "/tasks").await;
    assert_eq!((first.all(".tasks li").len(), first.one(".pages span")), (50, "1–50 of 52".to_owned()));
    assert_eq!(first.values("a[rel=next]", "href"), ["/tasks?offset=50"]);
    assert_eq!(first.values("a[rel=prev]", "href").len(), 0);
    let second = see(&desk.server, "/tasks?offset=50").await;
    assert_eq!((second.all(".tasks li").len(), second.values("a[rel=prev]", "href")), (2, vec!["/tasks".to_owned()]));
    let beyond = see(&desk.server, "/tasks?offset=500").await;
    assert!(beyond.one(".pages span").contains("nothing beyond 52"), "{}", beyond.text);

    for (query, shown) in [
        ("status=needs_review", 1),
        ("status=queued%2Crunning%2Cretrying", 50),
        ("repo=a_b&status=needs_review", 1),
        ("repo=axb", 1),
        ("repo=+axb+", 1),
        ("repo=nothing", 0),
        ("status=&repo=", 50),
    ] {
        let list = see(&desk.server, &format!("/tasks?{query}")).await;
        assert_eq!(list.all(".tasks li").len(), shown, "{query}");
    }
    let filtered = see(&desk.server, "/tasks?repo=a_b%26&status=needs_review").await;
    assert_eq!(filtered.values("#repo", "value"), ["a_b&"], "what was looked for stays");
    assert!(filtered.values(".views a", "href").contains(&"/tasks?status=success&repo=a_b%26".to_owned()));
    assert_eq!(filtered.one(".views a[aria-current]"), "Needs review");
    assert!(filtered.one(".empty").contains("No task is like this"));

    for query in ["status=done", "offset=-1", "limit=5"] {
        let refused = see(&desk.server, &format!("/tasks?{query}")).await;
        assert_eq!((refused.status, refused.one("h1").as_str()), (400, "That did not work"), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_shown_with_log_and_what_can_be_done() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let elsewhere = desk.elsewhere().await;
    elsewhere.log(&id, "one\n\u{1b}[31mtwo\u{1b}[0m\n").await;
    for (status, badge, actions) in [
        ("queued", "Queued", vec!["abort"]),
        ("running", "Running", vec!["abort"]),
        ("retrying", "Retrying", vec!["abort"]),
        ("needs_review", "Needs review", vec!["continue", "abort"]),
        ("error", "Error", vec!["continue", "abort"]),
        ("success", "Success", vec![]),
        ("aborted", "Aborted", vec![]),
    ] {
        elsewhere.set_status(&id, status).await;
        let shown = see(&desk.server, &format!("/tasks/{id}")).await;
        assert_eq!(
            (shown.status, shown.one("h1"), shown.one(".task-head .badge")),
            (200, "Do it".to_owned(), badge.to_owned())
        );
        let wanted: Vec<String> = actions.iter().map(|action| format!("/tasks/{id}/{action}")).collect();
        assert_eq!(shown.values("#task-room form", "action"), wanted, "{status}");
        let merge = shown.values(".tabs a", "href").contains(&format!("/tasks/{id}/merge"));
        assert_eq!(merge, status == "success", "{status}");
        assert_eq!(shown.all("#log .line.agent"), ["one", "two"]);
    }
    elsewhere.set_commit(&id).await;
    elsewhere.set_status(&id, "needs_review").await;
    let held = see(&desk.server, &format!("/tasks/{id}")).await;
    assert!(held.values("#task-room form", "action").contains(&format!("/tasks/{id}/accept")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_id_leads_to_the_whole_one_and_a_wrong_one_to_a_page_that_says_so() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let paths = ["continue", "accept", "abort"].map(|action| format!("/tasks/{id}/{action}"));
    for path in [format!("/tasks/{}", &id[18..].to_lowercase())].iter().chain(&paths) {
        let answer = page(&desk.server, path).send().await.unwrap();
        assert_eq!(leads_to(&answer), format!("/tasks/{id}"), "{path}");
    }
    for path in ["/tasks/zzzz", "/tasks/zzzz/changes", "/tasks/zzzz/merge", "/tasks/zzzz/abort", "/nothing"] {
        let lost = see(&desk.server, path).await;
        assert_eq!((lost.status, lost.one("h1").as_str()), (404, "Not found"), "{path}");
    }
    assert_eq!(see(&desk.server, &format!("/tasks/{id}/changes")).await.one(".empty"), "Nothing is changed so far.");
}
