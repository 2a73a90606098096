use reqwest::Method;

use super::browser::{Seen, form, page, see, sent};
use crate::http::desk::Desk;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_lets_nothing_foreign_in_and_nobody_frame_it() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    for path in ["/tasks", "/tasks/new", &format!("/tasks/{id}"), &format!("/tasks/{id}/merge"), "/nothing"] {
        let answer = page(&desk.server, path).send().await.unwrap();
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.split("; ").any(|found| found == part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "private, no-cache"),
            ("vary", "Accept"),
        ] {
            assert!(headers.get_all(name).iter().any(|found| found == value), "{path}: {name}");
        }
        let shown = Seen::of(answer).await;
        let files = [shown.values("link[href]", "href"), shown.values("script", "src")].concat();
        assert!(files.len() >= 3);
        for file in files {
            let answer = desk.server.get(&file).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{file}");
            assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
            assert!(!answer.text().await.unwrap().is_empty());
        }
    }
    let stale = desk.server.get("/assets/opsmith-0000000000000000.css").send().await.unwrap();
    assert_eq!(stale.status(), 404, "another version's file is not this one's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_changes_nothing() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    desk.elsewhere().await.set_status(&id, "needs_review").await;
    let fields = [("repo", "https://example.com/a/b"), ("prompt", "x"), ("key", "page-x")];
    for path in [
        "/tasks",
        &*format!("/tasks/{id}/continue"),
        &*format!("/tasks/{id}/accept"),
        &*format!("/tasks/{id}/abort"),
        &*format!("/tasks/{id}/merge"),
    ] {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            let answer = sent(&desk.server, path, &fields).header(name, value).send().await.unwrap();
            let refused = Seen::of(answer).await;
            assert_eq!((refused.status, refused.one("h1").as_str()), (403, "Not allowed"), "{path} {name}: {value}");
        }
        let rebound = form(&desk.server, path, &fields).header("host", "evil.example").send().await.unwrap();
        assert_eq!(Seen::of(rebound).await.status, 403, "{path}");
    }
    let rebound = page(&desk.server, "/tasks").header("host", "evil.example:8080").send().await.unwrap();
    let rebound = Seen::of(rebound).await;
    assert!(rebound.status == 403 && !rebound.text.contains("Do it"));
    assert_eq!(desk.server.json(&format!("/api/v1/tasks/{id}")).await["status"], "needs_review");
    assert_eq!(desk.server.json("/api/v1/tasks").await["total"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_sent_as_one_by_somebody_known() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    for (kind, body, status) in [
        ("application/json", "{}".to_owned(), 415),
        ("text/plain", "prompt=x".to_owned(), 415),
        ("application/x-www-form-urlencoded", format!("prompt={}", "x".repeat(1 << 20)), 413),
        ("application/x-www-form-urlencoded", "prompt=a&prompt=b".to_owned(), 400),
    ] {
        let request = desk.server.request(Method::POST, &format!("/tasks/{id}/continue"));
        let answer =
            request.header("content-type", kind).header("accept", "text/html").body(body).send().await.unwrap();
        assert_eq!(Seen::of(answer).await.status, status, "{kind}");
    }
    let nobody = testkit::http::Server::start(ampx::http::router(desk.ampx.clone())).await;
    for path in ["/tasks".to_owned(), format!("/tasks/{id}/abort"), format!("/tasks/{id}/merge")] {
        let answer = form(&nobody, &path, &[]).send().await.unwrap();
        assert_eq!(Seen::of(answer).await.status, 401, "{path}");
    }
    assert_eq!(see(&desk.server, &format!("/tasks/{id}")).await.one(".task-head .badge"), "Queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_api_gets_problems_and_never_pages() {
    let desk = Desk::open().await;
    for path in ["/tasks/zzzz", "/api/v1/tasks/zzzz", "/nothing"] {
        let problem = testkit::http::problem(desk.server.get(path).send().await.unwrap()).await;
        assert_eq!(problem.status, 404, "{path}");
    }
}
