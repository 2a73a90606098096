use chrono::DateTime;
use opsmith_forge::git::{
    CachedRepo, GitError, Identity, MERGE, MergeMethod, MergeRequest, PublishMerge, Pushed, is_ancestor, plan_merge,
    publish_merge,
};
use opsmith_model::Hint as _;
use testkit::repo::TestRepo;

use crate::stage::{Stage, git, permit};

/// `main` and `fix` have parted: one commit there, two here, in different files.
pub async fn parted() -> (Stage, CachedRepo, String, String) {
    let stage = Stage::new();
    let start = stage.remote.commit("main", &[("a", "1"), ("dir/b", "1")], "start");
    stage.remote.commit_from(&start, "fix", &[("b", "2")], "fix b");
    let head = stage.remote.commit("fix", &[("c", "#!/bin/sh\n")], "add c");
    let base = stage.remote.commit("main", &[("a", "2")], "meanwhile");
    let repo = stage.fetched().await;
    (stage, repo, base, head)
}

pub fn request(base: &str, head: &str, method: MergeMethod) -> MergeRequest {
    MergeRequest {
        base_sha: base.into(),
        head_sha: head.into(),
        method,
        message: "Fix b (#1)\n\nAs asked.".into(),
        author: Identity { name: "Grace <root>\n".into(), email: "grace@example.com".into() },
        committer: Identity { name: "Grace root".into(), email: "grace@example.com".into() },
        date: DateTime::from_timestamp(1_800_000_000, 999).unwrap(),
    }
}

pub async fn publish(repo: &CachedRepo, request: &MergeRequest, sha: &str) -> Result<Pushed, GitError> {
    let asked = PublishMerge {
        base_branch: "main".into(),
        base_sha: request.base_sha.clone(),
        head_sha: request.head_sha.clone(),
        method: request.method,
        sha: sha.into(),
    };
    publish_merge(&permit(MERGE, repo, asked.parameters()), repo, &asked).await
}

/// The commits of `main` that are new since `base`, the newest first: parents, author, committer, subject.
fn history(remote: &TestRepo, base: &str) -> Vec<String> {
    let range = format!("{base}..main");
    let format = "--format=%p|%an <%ae> %at|%cn <%ce> %ct|%s";
    remote.git(&["log", "--first-parent", format, &range]).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_method_gives_its_history_and_the_same_files() {
    let grace = "Grace root <grace@example.com> 1800000000";
    let ada = "Ada <ada@example.com> 1767225600";
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        let (stage, repo, base, head) = parted().await;
        let asked = request(&base, &head, method);
        let sha = plan_merge(&repo, &asked).await.unwrap();
        assert_eq!(stage.remote.branch_sha("main").unwrap(), base, "a plan changes nothing outside");
        assert_eq!(plan_merge(&repo, &asked).await.unwrap(), sha, "the same request gives the same commit");
        assert_eq!(publish(&repo, &asked, &sha).await.unwrap(), Pushed::Done);
        assert_eq!(publish(&repo, &asked, &sha).await.unwrap(), Pushed::AlreadyThere);
        assert_eq!(stage.remote.branch_sha("main").unwrap(), sha);
        assert_eq!(stage.remote.files("main"), ["a", "b", "c", "dir/b"]);
        assert_eq!(stage.remote.read("main", "a"), "2");
        assert!(stage.remote.git(&["ls-tree", "main", "c"]).starts_with("100755"));
        let (base, head) = (&base[..7], &head[..7]);
        let expected = match method {
            MergeMethod::Squash => vec![format!("{base}|{grace}|{grace}|Fix b (#1)")],
            MergeMethod::Merge => vec![format!("{base} {head}|{grace}|{grace}|Fix b (#1)")],
            MergeMethod::Rebase => {
                let first = stage.remote.git(&["rev-parse", "--short=7", "main~1"]);
                vec![format!("{first}|{ada}|{grace}|add c"), format!("{base}|{ada}|{grace}|fix b")]
            }
        };
        assert_eq!(history(&stage.remote, base), expected, "{method:?}");
        stage.remote.git(&["fsck", "--strict", "--no-dangling"]);
    }
}

#[tokio::test]
async fn another_copy_of_the_repository_plans_the_same_commit() {
    let (stage, repo, base, head) = parted().await;
    let other = Stage::new();
    let copy = other.cache.open(&stage.url()).await.unwrap();
    copy.fetch().await.unwrap();
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        let asked = request(&base, &head, method);
        assert_eq!(plan_merge(&repo, &asked).await.unwrap(), plan_merge(&copy, &asked).await.unwrap(), "{method:?}");
    }
}

#[tokio::test]
async fn a_conflict_names_its_files_and_changes_nothing() {
    let stage = Stage::new();
    let start = stage.remote.commit("main", &[("a b", "1"), ("ü", "1"), ("gone", "1\n2\n3\n"), ("same", "1")], "start");
    stage.remote.commit_from(&start, "fix", &[("a b", "2"), ("ü", "2"), ("gone", "1\n2\n4\n"), ("same", "2")], "fix");
    let head = stage.remote.commit("fix", &[("new", "1")], "more");
    stage.remote.commit("main", &[("a b", "3"), ("ü", "3"), ("same", "2")], "meanwhile");
    let base = stage.remote.remove("main", &["gone"], "and gone");
    let repo = stage.fetched().await;
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        let error = plan_merge(&repo, &request(&base, &head, method)).await.unwrap_err();
        let GitError::Conflict { paths } = &error else { panic!("{error:?}") };
        assert_eq!(paths, &["a b", "gone", "ü"], "{method:?}");
        assert_eq!(error.to_string(), "merge conflict in `a b`, `gone`, `ü`");
    }
    assert_eq!(stage.remote.branch_sha("main"), Some(base));
}

#[tokio::test]
async fn nothing_to_merge_gives_the_base_and_strangers_are_refused() {
    let (stage, repo, base, head) = parted().await;
    let older = stage.remote.git(&["rev-parse", "main~1"]);
    let same = stage.remote.commit_from(&older, "same", &[("a", "2")], "the same change");
    let stranger = stage.remote.commit("stranger", &[("z", "1")], "from nothing");
    repo.fetch().await.unwrap();
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        for merged in [&base, &older] {
            assert_eq!(plan_merge(&repo, &request(&base, merged, method)).await.unwrap(), base);
        }
        let error = plan_merge(&repo, &request(&base, &stranger, method)).await.unwrap_err();
        assert!(matches!(&error, GitError::Unrelated { .. }) && error.hint().is_some(), "{error:?}");
        for absent in ["main", "0123456789012345678901234567890123456789"] {
            assert!(plan_merge(&repo, &request(&base, absent, method)).await.is_err());
        }
    }
    let asked = request(&base, &same, MergeMethod::Rebase);
    assert_eq!(plan_merge(&repo, &asked).await.unwrap(), base, "the base has that change already");
    assert_eq!(publish(&repo, &asked, &base).await.unwrap(), Pushed::AlreadyThere);
    assert!(is_ancestor(&repo, &older, &base).await.unwrap());
    assert!(!is_ancestor(&repo, &head, &base).await.unwrap());
}

#[tokio::test]
async fn a_base_that_moved_on_is_fine_with_the_merge_in_it_and_a_lost_lease_without() {
    let (stage, repo, base, head) = parted().await;
    let asked = request(&base, &head, MergeMethod::Squash);
    let sha = plan_merge(&repo, &asked).await.unwrap();
    let theirs = stage.remote.commit("main", &[("d", "1")], "faster");
    let error = publish(&repo, &asked, &sha).await.unwrap_err();
    assert!(matches!(&error, GitError::LeaseLost { seen: Some(seen), .. } if *seen == theirs), "{error:?}");
    assert_eq!(stage.remote.branch_sha("main"), Some(theirs));
    stage.remote.set_branch("main", &base);
    assert_eq!(publish(&repo, &asked, &sha).await.unwrap(), Pushed::Done);
    stage.remote.commit("main", &[("d", "1")], "on top");
    assert_eq!(publish(&repo, &asked, &sha).await.unwrap(), Pushed::AlreadyThere);
    stage.remote.delete_branch("main");
    let error = publish(&repo, &asked, &sha).await.unwrap_err();
    assert!(matches!(error, GitError::LeaseLost { seen: None, .. }), "{error:?}");
}

#[tokio::test]
async fn a_rebase_keeps_authors_of_any_encoding_and_leaves_merges_out() {
    let stage = Stage::new();
    let start = stage.remote.commit("main", &[("a", "1")], "start");
    let side = stage.remote.commit_from(&start, "side", &[("s", "1")], "side");
    stage.remote.commit_from(&start, "fix", &[("b", "1")], "fix");
    let tree = stage.remote.git(&["merge-tree", "--write-tree", "fix", &side]);
    let merge = stage.remote.git(&["commit-tree", &tree, "-p", "fix", "-p", &side, "-m", "merge side"]);
    stage.remote.set_branch("fix", &merge);
    let changed = stage.remote.commit("fix", &[("g", "1")], "to be said otherwise");
    let tree = stage.remote.git(&["rev-parse", &format!("{changed}^{{tree}}")]);
    let mut raw = format!("tree {tree}\nparent {merge}\n").into_bytes();
    raw.extend_from_slice(b"author J\xf6rg <j@example.com> 1500000000 +0530\n");
    raw.extend_from_slice(b"committer J\xf6rg <j@example.com> 1500000001 +0530\nencoding ISO-8859-1\n\ngr\xfc\xdfe\n");
    let file = stage.folder.path().join("commit");
    std::fs::write(&file, &raw).unwrap();
    let head = stage.remote.git(&["hash-object", "-w", "-t", "commit", &file.display().to_string()]);
    stage.remote.set_branch("fix", &head);
    let base = stage.remote.commit("main", &[("a", "2")], "meanwhile");
    let repo = stage.fetched().await;
    let sha = plan_merge(&repo, &request(&base, &head, MergeMethod::Rebase)).await.unwrap();
    let work = git();
    let log = work.work(repo.git_dir()).args(["log", "--format=%s %an %ad", "--date=raw", &format!("{base}..{sha}")]);
    let log = log.text().await.unwrap();
    let mut lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.remove(0), "grüße Jörg 1500000000 +0530");
    lines.sort_unstable();
    assert_eq!(lines, ["fix Ada 1767225600 +0000", "side Ada 1767225600 +0000"]);
    let raw = work.work(repo.git_dir()).args(["cat-file", "commit", &sha]).run().await.unwrap().stdout;
    assert!(raw.windows(6).any(|window| window == b"gr\xfc\xdfe\n"));
}

#[tokio::test]
async fn a_merge_without_its_own_permit_does_not_happen() {
    let (stage, repo, base, head) = parted().await;
    let asked = request(&base, &head, MergeMethod::Squash);
    let sha = plan_merge(&repo, &asked).await.unwrap();
    let publish = PublishMerge {
        base_branch: "main".into(),
        base_sha: base.clone(),
        head_sha: head.clone(),
        method: MergeMethod::Squash,
        sha,
    };
    let other = PublishMerge { sha: head, ..publish.clone() };
    let method = PublishMerge { method: MergeMethod::Merge, ..publish.clone() };
    for (verb, parameters) in
        [(MERGE, other.parameters()), (MERGE, method.parameters()), ("push", publish.parameters())]
    {
        let error = publish_merge(&permit(verb, &repo, parameters), &repo, &publish).await.unwrap_err();
        assert!(matches!(error, GitError::Permit(_)), "{error:?}");
    }
    assert_eq!(stage.remote.branch_sha("main"), Some(base));
}
