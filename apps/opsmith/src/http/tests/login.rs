use opsmith_guard::tokens::Role;
use opsmith_host::http::auth::GateOptions;
use opsmith_model::{Principal, PrincipalKind};
use reqwest::{Method, RequestBuilder, Response};

use super::desk::{Desk, usual};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn form(desk: &Desk, path: &str, body: String) -> RequestBuilder {
    let form = desk.request(Method::POST, path).header("accept", BROWSER);
    form.header("content-type", "application/x-www-form-urlencoded").body(body)
}

async fn log_in(desk: &Desk, token: &str, next: &str) -> Response {
    form(desk, "/login", format!("token={token}&next={next}")).send().await.unwrap()
}

fn cookie(answer: &Response) -> String {
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_logs_in_sees_who_it_is_and_logs_out() {
    let desk = Desk::open().await;
    let open = desk.request(Method::GET, "/login").header("accept", BROWSER).send().await.unwrap();
    assert!(open.text().await.unwrap().contains("No token is needed"));
    let (id, token) = desk.token(Role::Operator, PrincipalKind::User).await;
    let entered = log_in(&desk, &format!(" {token} "), "/tasks?status=error").await;
    assert_eq!(
        (entered.status().as_u16(), entered.headers()["location"].to_str().unwrap()),
        (303, "/tasks?status=error")
    );
    let set = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86"] {
        assert!(set.contains(part), "{part}: {set}");
    }
    assert!(!set.contains("Secure"), "{set}");

    let cookie = cookie(&entered);
    let see = async |path: &str| {
        let seen =
            desk.request(Method::GET, path).header("accept", BROWSER).header("cookie", &cookie).send().await.unwrap();
        (seen.status().as_u16(), seen.text().await.unwrap())
    };
    let (status, page) = see("/tasks").await;
    assert!(status == 200 && page.contains("a-operator") && page.contains("action=\"/logout\""), "{page}");
    assert!(!page.contains(&token), "the page has the token");
    let left = form(&desk, "/logout", String::new()).header("cookie", &cookie).send().await.unwrap();
    assert_eq!((left.status().as_u16(), left.headers()["location"].to_str().unwrap()), (303, "/login"));
    assert!(left.headers()["set-cookie"].to_str().unwrap().starts_with("opsmith_token=; "));

    let (other_id, other) = desk.token(Role::Viewer, PrincipalKind::User).await;
    desk.endless(other_id).await;
    desk.revoke(id).await;
    let (status, page) = see("/tasks").await;
    assert!(status == 401 && page.contains("the token was revoked") && page.contains("action=\"/login\""), "{page}");
    let endless = log_in(&desk, &other, "/").await;
    assert!(!endless.headers()["set-cookie"].to_str().unwrap().contains("Max-Age"), "as long as the browser is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_says_so_at_the_field_and_leads_nowhere_else() {
    let desk = Desk::open().await;
    let (_, token) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let refused = log_in(&desk, "ops_wrong", "/tasks").await;
    assert_eq!(refused.status(), 401);
    assert!(!refused.headers().contains_key("set-cookie"));
    let page = refused.text().await.unwrap();
    assert!(page.contains("the token is not valid") && page.contains("aria-invalid=\"true\""), "{page}");
    assert!(page.contains("value=\"/tasks\"") && !page.contains("ops_wrong"), "{page}");
    for next in ["//evil.example", "https://evil.example", "%2F%5Cevil.example", ""] {
        assert_eq!(log_in(&desk, &token, next).await.headers()["location"], "/", "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_logs_nobody_in_or_out_and_does_nothing_with_a_cookie() {
    let desk = Desk::open().await;
    let (_, token) = desk.token(Role::Admin, PrincipalKind::User).await;
    let cookie = cookie(&log_in(&desk, &token, "/").await);
    for (path, body) in [
        ("/login", format!("token={token}")),
        ("/logout", String::new()),
        ("/tasks", "repo=https://example.com/a/b&prompt=x&key=page-x".to_owned()),
    ] {
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let refused =
                form(&desk, path, body.clone()).header("cookie", &cookie).header(name, value).send().await.unwrap();
            assert_eq!(refused.status(), 403, "{path} {name}: {value}");
            assert!(!refused.headers().contains_key("set-cookie"), "{path}");
            assert!(refused.text().await.unwrap().contains("a page of another site"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_a_login_is_for_encrypted_connections() {
    let desk = Desk::with(Principal::user("ada"), GateOptions { beyond_loopback: true, ..usual() }).await;
    let (_, token) = desk.token(Role::Viewer, PrincipalKind::User).await;
    for (origin, status) in [
        (Some("https://ops.example"), 303),
        (Some("http://localhost:9"), 303),
        (Some("http://ops.example"), 403),
        (Some("http://localhost.evil.example"), 403),
        (None, 303),
    ] {
        let sent = form(&desk, "/login", format!("token={token}"));
        let sent = match origin {
            Some(origin) => sent.header("origin", origin).header("sec-fetch-site", "same-origin"),
            None => sent,
        };
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), status, "{origin:?}");
        let set = answer.headers().get("set-cookie").map(|set| set.to_str().unwrap().ends_with("; Secure"));
        assert_eq!(set, (status == 303).then_some(true), "{origin:?}");
    }
}
