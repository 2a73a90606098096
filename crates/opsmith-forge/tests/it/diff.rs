use opsmith_forge::git::{Diff, diff};

use crate::desk::Desk;

async fn diff_of(desk: &Desk, max_bytes: usize) -> Diff {
    let head = desk.commit("change").await;
    diff(&desk.git, desk.workspace.control(), &desk.base, &head, max_bytes).await.unwrap()
}

#[tokio::test]
async fn a_diff_shows_and_counts_each_change() {
    let desk = Desk::with("seq 1 100 > numbers; printf '\\0one' > logo.png").await;
    desk.agent("git mv numbers moved; echo 101 >> moved; printf '\\0two' > logo.png; printf x > $(printf '\\377'); rm README.md");
    let shown = diff_of(&desk, 1 << 20).await;
    let text = String::from_utf8_lossy(&shown.text);
    for line in
        ["rename from numbers", "rename to moved", "+101", "-hello", "Binary files a/logo.png and b/logo.png differ"]
    {
        assert!(text.lines().any(|shown| shown == line), "no `{line}` in {text}");
    }
    assert!(!text.contains('\x1b'));
    assert_eq!((shown.files, shown.insertions, shown.deletions, shown.truncated), (4, 2, 1, false));
}

#[tokio::test]
async fn a_text_cannot_be_declared_binary_to_hide_it() {
    let desk = Desk::new().await;
    desk.agent("echo '* -diff binary linguist-generated' > .gitattributes; echo 'password = hunter2' > src/config.rs");
    let shown = diff_of(&desk, 1 << 20).await;
    assert!(String::from_utf8_lossy(&shown.text).contains("+password = hunter2"), "{shown:?}");
    assert_eq!(shown.insertions, 2);
}

#[tokio::test]
async fn a_huge_diff_is_cut_after_a_line() {
    let desk = Desk::new().await;
    desk.agent("seq 1 1000000 > numbers");
    let shown = diff_of(&desk, 10_000).await;
    assert!(shown.truncated && shown.text.len() <= 10_000 && shown.text.len() > 9_900, "{}", shown.text.len());
    assert!(shown.text.ends_with(b"\n"));
    assert_eq!((shown.files, shown.insertions), (1, 1_000_000));
}

#[tokio::test]
async fn no_change_is_an_empty_diff() {
    let desk = Desk::new().await;
    let shown = diff_of(&desk, 1 << 20).await;
    assert_eq!(shown, Diff { text: Vec::new(), truncated: false, files: 0, insertions: 0, deletions: 0 });
}
