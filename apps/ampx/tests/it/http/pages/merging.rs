use super::browser::{Seen, form, leads_to, see};
use crate::http::desk::serve;
use crate::stories::{Setup, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_shows_its_plan_and_takes_a_yes_to_exactly_that() {
    let world = World::new(Setup::shell("echo 'echo $(($1 + $2))' > sum.sh; echo '<b>' > '<i>.txt'")).await;
    let server = serve(&world.ampx).await;
    let id = world.done("Add").await.task.id;
    let at = format!("/tasks/{id}/merge");

    let changes = see(&server, &format!("/tasks/{id}/changes")).await;
    assert_eq!(changes.all(".file summary .mono"), ["<i>.txt", "sum.sh"]);
    assert!(changes.all("tr.add td:last-child").contains(&"+<b>".to_owned()), "{}", changes.text);
    assert_eq!(changes.one(".diff-head p"), "2 files changed +2 −1");

    let squash = see(&server, &at).await;
    assert_eq!((squash.status, squash.all(".effects > li").len()), (200, 1));
    assert_eq!(squash.one(".effect .badge"), "needs a yes");
    let asked = see(&server, &format!("{at}?method=merge&delete_branch=on")).await;
    let effects = asked.all(".effect strong");
    assert!(effects.len() == 2 && effects[1].starts_with("delete branch amp/add-"), "{effects:?}");
    let digest = asked.one(".digest code");
    assert_ne!(digest, squash.one(".digest code"));
    assert_eq!(asked.values("input[type=hidden][name=digest]", "value"), [digest.as_str()]);

    let answer = |digest: &str, method: &str| {
        let fields = [("method", method), ("delete_branch", "on"), ("digest", digest)];
        form(&server, &at, &fields).send()
    };
    for (digest, method, status) in [
        ("", "merge", 400),
        ("abc", "merge", 400),
        (&*"a".repeat(64), "merge", 409),
        // A plan that was seen, and not for this.
        (&*digest, "squash", 409),
        (&*digest, "octopus", 400),
    ] {
        let refused = Seen::of(answer(digest, method).await.unwrap()).await;
        assert_eq!(refused.status, status, "{method} {digest}");
    }
    assert!(world.process.guard.pending(10).await.unwrap().is_empty(), "nobody was asked, and nothing done");

    let done = leads_to(&answer(&digest, "merge").await.unwrap());
    let merged = see(&server, &done).await;
    assert_eq!((merged.one(".notice.good"), merged.one(".task-head .badge")), ("Merged.".into(), "Merged".into()));
    assert_eq!(world.repo.branches(), ["main"]);
    // A second click, and the page of the past.
    assert_eq!(leads_to(&answer(&digest, "merge").await.unwrap()), done);
    assert_eq!(leads_to(&super::browser::page(&server, &at).send().await.unwrap()), format!("/tasks/{id}"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_denied_has_no_button_and_what_cannot_be_merged_says_why() {
    let denied = Setup {
        more: "[policy]\n\"ampx.merge\" = \"deny\"\n".to_owned(),
        ..Setup::shell("echo 'echo $(($1 + $2))' > sum.sh")
    };
    let world = World::new(denied).await;
    let server = serve(&world.ampx).await;
    let id = world.done("Add").await.task.id;
    let shown = see(&server, &format!("/tasks/{id}/merge")).await;
    assert_eq!((shown.one(".effect .badge").as_str(), shown.all("form[method=post]").len()), ("denied", 0));
    let digest = shown.one(".digest code");
    let fields = [("method", "squash"), ("digest", &*digest)];
    let refused = Seen::of(form(&server, &format!("/tasks/{id}/merge"), &fields).send().await.unwrap()).await;
    assert_eq!(refused.status, 403);
    assert!(refused.one("[role=alert]").contains("denies"), "{}", refused.text);
    world.stop().await;

    let desk = crate::http::desk::Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let early = see(&desk.server, &format!("/tasks/{id}/merge")).await;
    assert_eq!(early.status, 409);
    assert!(early.one(".notice.bad").contains("no open pull request"), "{}", early.text);
}
