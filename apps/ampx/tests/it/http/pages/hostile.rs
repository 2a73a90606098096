use super::browser::see;
use crate::http::desk::Desk;

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_from_outside_becomes_markup() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let id = desk.create("https://example.com/a/b", SCRIPT).await;
    elsewhere.set_all_texts(&id, SCRIPT).await;
    elsewhere.log(&id, &format!("{SCRIPT}\n\u{202e}gpj.exe\u{0}\u{1b}]0;title\u{7}\n</div></pre>\n")).await;
    for status in ["running", "needs_review", "success", "aborted"] {
        elsewhere.set_status(&id, status).await;
        for path in ["/tasks".to_owned(), format!("/tasks/{id}"), format!("/tasks/{id}/changes")] {
            let shown = see(&desk.server, &path).await;
            assert_eq!(shown.all("img").len() + shown.all("[onerror]").len(), 0, "{path} {status}");
            let scripts = shown.values("script", "src");
            assert!(
                scripts.len() == shown.all("script").len() && scripts.iter().all(|src| src.starts_with("/assets/"))
            );
            assert!(!shown.text.contains("<script>alert"), "{path} {status}");
            assert!(!shown.text.contains(['\u{202e}', '\u{0}', '\u{1b}', '\u{7}']), "{path} {status}");
        }
    }
    let shown = see(&desk.server, &format!("/tasks/{id}")).await;
    assert_eq!(shown.one("h1"), SCRIPT);
    assert_eq!(shown.all("#log .line"), [SCRIPT, "\u{fffd}gpj.exe\u{fffd}", "</div></pre>"]);
    let again = shown.values("#task-room a", "href");
    assert!(again.iter().all(|address| !address.contains(['<', '"', ' '])), "{again:?}");

    let list = see(&desk.server, &format!("/tasks?repo={}", "%3Cscript%3E%22%27")).await;
    assert_eq!((list.values("#repo", "value"), list.all("script:not([src])").len()), (vec!["<script>\"'".into()], 0));
    let filled =
        see(&desk.server, "/tasks/new?prompt=%3C/textarea%3E%3Cscript%3Ex%3C/script%3E&agent=%22%3E%3Cb%3E").await;
    assert_eq!(filled.typed("#prompt"), "</textarea><script>x</script>");
    assert_eq!(filled.values("#agent", "value"), ["\"><b>"]);
    let lost = see(&desk.server, "/tasks/%3Cscript%3E").await;
    assert!(lost.status == 404 && lost.one(".notice").contains("<script>"), "{}", lost.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_address_is_a_link_only_where_it_leads_to_the_web() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    for (address, linked) in [
        ("https://example.com/a/b/pull/1", true),
        ("http://ci.example/1?a=b&c=\"", true),
        ("javascript:alert(1)", false),
        ("JAVASCRIPT:alert(1)", false),
        ("data:text/html,x", false),
        ("//evil.example", false),
        (" https://example.com", false),
    ] {
        elsewhere.set_links(&id, address).await;
        let shown = see(&desk.server, &format!("/tasks/{id}")).await;
        let links = shown.values(".facts a", "href").into_iter().filter(|link| link == address).count();
        assert_eq!(links, if linked { 3 } else { 0 }, "{address}");
        assert!(shown.values("a", "href").iter().all(|link| link.starts_with(['/', '#', 'h'])), "{address}");
    }
}
