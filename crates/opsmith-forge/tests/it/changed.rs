use opsmith_forge::git::{Blob, BlobLimits, changed_files, read_blobs};

use crate::desk::Desk;

const LIMITS: BlobLimits = BlobLimits { each_bytes: 1000, total_bytes: 1500 };

#[tokio::test]
async fn changed_files_and_their_contents_are_read_on_both_sides() {
    let desk = Desk::with("seq 1 100 > numbers; printf 'a\\nb' > text; echo gone > gone").await;
    desk.agent("git mv numbers moved; printf 'a\\nc' > text; rm gone; seq 1 1000 > large; printf '' > empty");
    let head = desk.commit("change").await;
    let git_dir = desk.workspace.control();
    let changed = changed_files(&desk.git, git_dir, &desk.base, &head, 100).await.unwrap();
    assert!(!changed.truncated);
    let path = |at: &Option<opsmith_forge::git::FileAt>| at.as_ref().map(|at| at.path.clone()).unwrap_or_default();
    let pairs: Vec<(String, String)> = changed.files.iter().map(|file| (path(&file.old), path(&file.new))).collect();
    for pair in [("numbers", "moved"), ("text", "text"), ("gone", ""), ("", "large"), ("", "empty")] {
        assert!(pairs.contains(&(pair.0.to_owned(), pair.1.to_owned())), "{pair:?} in {pairs:?}");
    }

    let blob = |name: &str| {
        let file = changed.files.iter().find(|file| path(&file.new) == name).unwrap();
        file.new.as_ref().unwrap().blob.clone().unwrap()
    };
    let ids = [blob("text"), blob("large"), blob("empty"), blob("moved"), blob("text")];
    let read = read_blobs(&desk.git, git_dir, &ids, LIMITS).await.unwrap();
    assert_eq!(read[&blob("text")], Blob::Content(b"a\nc".to_vec()));
    assert_eq!(read[&blob("empty")], Blob::Content(Vec::new()));
    assert_eq!(read[&blob("large")], Blob::TooLarge { bytes: 3893 });
    assert!(matches!(&read[&blob("moved")], Blob::Content(bytes) if bytes.len() == 292));

    let few = changed_files(&desk.git, git_dir, &desk.base, &head, 2).await.unwrap();
    assert_eq!((few.files.len(), few.truncated), (2, true));
}

#[tokio::test]
async fn all_contents_together_are_bounded_and_a_stranger_is_an_error() {
    let desk = Desk::with("for n in 1 2 3; do seq $n 250 > file$n; done").await;
    let listed = desk.ask(&["ls-tree", "-r", "--object-only", &desk.base, "file1", "file2", "file3"]).await;
    let ids: Vec<String> = listed.lines().map(str::to_owned).collect();
    let git_dir = desk.workspace.control();
    let read = read_blobs(&desk.git, git_dir, &ids, LIMITS).await.unwrap();
    assert_eq!(read.values().filter(|blob| matches!(blob, Blob::TooLarge { .. })).count(), 2, "{read:?}");
    assert!(read_blobs(&desk.git, git_dir, &["a".repeat(40)], LIMITS).await.is_err());
    assert!(read_blobs(&desk.git, git_dir, &["--all".to_owned()], LIMITS).await.is_err());
    assert!(read_blobs(&desk.git, git_dir, &[], LIMITS).await.unwrap().is_empty());
}
