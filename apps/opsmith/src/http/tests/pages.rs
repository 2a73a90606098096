use opsmith_guard::{Confirmation, Refusal};
use opsmith_model::{Plan, Principal};
use reqwest::{Method, Response};
use serde_json::json;

use super::desk::{Desk, merge};
use crate::http::NAV;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn see(desk: &Desk, path: &str) -> (u16, String) {
    read(desk.request(Method::GET, path).header("accept", BROWSER).send().await.unwrap()).await
}

async fn read(answer: Response) -> (u16, String) {
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn answer(desk: &Desk, id: &str, decision: &str, digest: &str) -> Response {
    let form = desk.request(Method::POST, &format!("/confirmations/{id}")).header("accept", BROWSER);
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    form.body(format!("decision={decision}&digest={digest}")).send().await.unwrap()
}

async fn ask(desk: &Desk, plan: &Plan) -> Confirmation {
    match desk.process.guard.authorize(plan).await.unwrap_err() {
        Refusal::ConfirmationRequired(asked) => *asked,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_led_to_the_pages_and_a_client_told_what_there_is() {
    let desk = Desk::open().await;
    let led = desk.request(Method::GET, "/").header("accept", BROWSER).send().await.unwrap();
    assert_eq!((led.status().as_u16(), &led.headers()["location"]), (303, &"/tasks".parse().unwrap()));
    assert_eq!(led.headers()["vary"], "Accept");
    for accept in ["*/*", "application/json"] {
        let told = desk.request(Method::GET, "/").header("accept", accept).send().await.unwrap();
        assert_eq!(
            (told.status().as_u16(), &told.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
    }
    for link in NAV {
        let (status, page) = see(&desk, link.path).await;
        assert!(status == 200 && page.contains("<h1>"), "{}: {page}", link.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_seen_with_its_plan_and_answered_for_exactly_that() {
    let desk = Desk::open().await;
    assert!(see(&desk, "/confirmations").await.1.contains("Nothing waits for a yes."));
    let mut plan = merge(Principal::agent("bot"));
    plan.effects[0].summary = "merge <script>alert(1)</script>\u{202e}".to_owned();
    plan.effects[0].parameters = json!({ "head": "</pre><script>" });
    let asked = ask(&desk, &plan).await;
    let (id, digest) = (asked.id.to_string(), asked.digest.to_string());
    for path in ["/confirmations".to_owned(), format!("/confirmations/{id}")] {
        let (status, page) = see(&desk, &path).await;
        assert_eq!(status, 200);
        assert!(page.contains("merge &lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}"), "{page}");
        assert!(!page.contains("<script>") && !page.contains('\u{202e}'), "{page}");
    }
    let (_, page) = see(&desk, &format!("/confirmations/{id}")).await;
    assert!(
        page.contains(&digest) && page.contains("&lt;/pre&gt;&lt;script&gt;") && page.contains("agent:bot"),
        "{page}"
    );

    for (decision, digest, status) in
        [("yes", "", 400), ("yes", "abc", 400), ("perhaps", &*digest, 400), ("yes", &*"a".repeat(64), 409)]
    {
        assert_eq!(read(answer(&desk, &id, decision, digest).await).await.0, status, "{decision} {digest}");
    }
    assert_eq!(desk.process.guard.pending(10).await.unwrap().len(), 1);
    let done = answer(&desk, &id, "yes", &digest).await;
    assert_eq!(
        (done.status().as_u16(), done.headers()["location"].to_str().unwrap()),
        (303, &*format!("/confirmations/{id}"))
    );
    let (_, page) = see(&desk, &format!("/confirmations/{id}")).await;
    assert!(page.contains("Answered by user:ada") && !page.contains("<form method=\"post\""), "{page}");
    let again = read(answer(&desk, &id, "no", &digest).await).await;
    assert!(again.0 == 409 && again.1.contains("was answered already"), "{}", again.1);
    assert_eq!(desk.process.guard.authorize(&plan).await.unwrap().len(), 1);
    for missing in ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "x"] {
        assert_eq!(see(&desk, &format!("/confirmations/{missing}")).await.0, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_form_and_an_agent_answer_nothing() {
    let desk = Desk::open().await;
    let asked = ask(&desk, &merge(Principal::agent("bot"))).await;
    let form = desk.request(Method::POST, &format!("/confirmations/{}", asked.id)).header("accept", BROWSER);
    let form = form.header("content-type", "application/x-www-form-urlencoded").header("sec-fetch-site", "cross-site");
    let refused = read(form.body(format!("decision=yes&digest={}", asked.digest)).send().await.unwrap()).await;
    assert!(refused.0 == 403 && refused.1.contains("a page of another site"), "{}", refused.1);
    assert_eq!(desk.process.guard.pending(10).await.unwrap().len(), 1);

    let desk = Desk::of(Principal::agent("bot")).await;
    let asked = ask(&desk, &merge(Principal::agent("bot"))).await;
    let refused = read(answer(&desk, &asked.id.to_string(), "yes", asked.digest.as_str()).await).await;
    assert!(refused.0 == 403 && refused.1.contains("only a person can"), "{}", refused.1);
    assert_eq!(desk.process.guard.pending(10).await.unwrap().len(), 1);
}
