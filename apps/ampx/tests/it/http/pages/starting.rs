use super::browser::{Seen, form, leads_to, see};
use crate::http::desk::Desk;

async fn key(desk: &Desk) -> String {
    see(&desk.server, "/tasks/new").await.values("input[name=key]", "value").remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_makes_one_task_however_often_it_is_sent() {
    let desk = Desk::open().await;
    let key = key(&desk).await;
    let fields = [
        ("repo", " https://example.com/a/b "),
        ("prompt", "Mend it\r\nplease"),
        ("agent", "other"),
        ("base", "dev"),
        ("max_attempts", "5"),
        ("budget_usd", "1.5"),
        ("labels", "a, b,"),
        ("allow_test_edits", "on"),
        ("key", &key),
    ];
    let first = leads_to(&form(&desk.server, "/tasks", &fields).send().await.unwrap());
    assert_eq!(leads_to(&form(&desk.server, "/tasks", &fields).send().await.unwrap()), first);
    let list = desk.server.json("/api/v1/tasks").await;
    let task = &list["tasks"][0];
    assert_eq!((list["total"].as_u64(), task["repo"].as_str()), (Some(1), Some("https://example.com/a/b")));
    assert_eq!(task["prompt"], "Mend it\nplease");
    assert_eq!((&task["agent"], &task["base"], &task["max_attempts"]), (&"other".into(), &"dev".into(), &5.into()));
    assert_eq!((&task["budget_usd"], &task["allow_test_edits"]), (&1.5.into(), &true.into()));
    assert_eq!(task["labels"], serde_json::json!(["a", "b"]));
    assert_eq!(task["created_by"]["name"], "ada");
    let shown = see(&desk.server, &first).await;
    assert!(shown.one(".notice.good").contains("Started"), "{}", shown.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_said_at_its_field_and_nothing_typed_is_lost() {
    let desk = Desk::open().await;
    let key = key(&desk).await;
    for (name, value, reason) in [
        ("repo", "relative/path", "is not a whole address"),
        ("repo", "https://user:secret@example.com/a", "is not a repository"),
        ("repo", "", "is not a repository"),
        ("prompt", " \r\n ", "is empty"),
        ("agent", "mien", "did you mean `mine`?"),
        ("base", "-f", "must be the name of a branch"),
        ("max_attempts", "many", "must be a whole number"),
        ("max_attempts", "21", "must be 1 to 20"),
        ("budget_usd", "1,5", "must be a number"),
        ("budget_usd", "NaN", "must be more than 0"),
        ("labels", &"x".repeat(101), "must be at most 20"),
    ] {
        let mut fields = vec![
            ("repo", "https://example.com/a/b"),
            ("prompt", "\r\n  Mend <it> & \"more\""),
            ("agent", "mine"),
            ("base", "main"),
            ("max_attempts", "2"),
            ("budget_usd", "3"),
            ("labels", "x"),
            ("allow_test_edits", "on"),
            ("key", &key),
        ];
        fields.iter_mut().find(|field| field.0 == name).unwrap().1 = value;
        let shown = Seen::of(form(&desk.server, "/tasks", &fields).send().await.unwrap()).await;
        assert_eq!(shown.status, 400, "{name}={value}");
        assert!(shown.one(&format!("#{name}-error")).contains(reason), "{name}={value}: {}", shown.text);
        assert_eq!(shown.values("[aria-invalid=true]", "name"), [name], "{value}");
        assert_eq!(shown.values(".notice.bad a", "href"), [format!("#{name}")]);
        for (other, typed) in fields.iter().filter(|field| !matches!(field.0, "prompt" | "allow_test_edits")) {
            assert_eq!(shown.values(&format!("input[name={other}]"), "value"), [*typed], "{name}={value}");
        }
        let prompt = if name == "prompt" { value } else { "\r\n  Mend <it> & \"more\"" };
        assert_eq!(shown.typed("#prompt"), prompt.replace("\r\n", "\n"));
        assert_eq!(shown.values("[name=allow_test_edits][checked]", "name").len(), 1);
    }
    assert_eq!(desk.server.json("/api/v1/tasks").await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_sent_and_changed_can_be_sent_again() {
    let desk = Desk::open().await;
    let key = key(&desk).await;
    let send = async |key: &str, prompt: &str| {
        let fields = [("repo", "https://example.com/a/b"), ("prompt", prompt), ("key", key)];
        form(&desk.server, "/tasks", &fields).send().await.unwrap()
    };
    let first = leads_to(&send(&key, "one").await);
    let asked = Seen::of(send(&key, "two").await).await;
    assert_eq!((asked.status, asked.typed("#prompt").as_str()), (409, "two"));
    assert_eq!(asked.values(".notice a", "href"), [first.split('?').next().unwrap()]);
    let fresh = asked.values("input[name=key]", "value").remove(0);
    assert_ne!(leads_to(&send(&fresh, "two").await), first);
    for damaged in ["", "page-", "page-x", &key[5..], "other"] {
        let refused = Seen::of(send(damaged, "three").await).await;
        assert_eq!((refused.status, refused.one("h1").as_str()), (400, "That did not work"), "{damaged}");
    }
    assert_eq!(desk.server.json("/api/v1/tasks").await["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_fills_the_form_in_and_starts_nothing() {
    let desk = Desk::open().await;
    let filled = see(&desk.server, "/tasks/new?repo=https://example.com/a&prompt=Mend%0Ait&key=page-x").await;
    assert_eq!(filled.values("#repo", "value"), ["https://example.com/a"]);
    assert_eq!(filled.typed("#prompt"), "Mend\nit");
    assert_ne!(filled.values("input[name=key]", "value"), ["page-x"]);
    assert_eq!(filled.values("form.start", "method"), ["post"]);
    assert_eq!(desk.server.json("/api/v1/tasks").await["total"], 0);
}
