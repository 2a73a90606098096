use std::os::unix::fs::PermissionsExt as _;

use opsmith_forge::git::{
    CachedRepo, DELETE_BRANCH, DeleteRequest, GitError, MERGE, PUSH, PushRequest, Pushed, delete_branch, push,
};
use opsmith_model::{ErrorKind, Hint as _};
use testkit::repo::TestRepo;

use crate::stage::{Stage, permit};

/// A remote with `main`, and in the cache two more commits, one on top of the other, that are nowhere else.
async fn ready() -> (Stage, CachedRepo, String, String) {
    let stage = Stage::new();
    stage.remote.commit("main", &[("a", "1")], "one");
    let repo = stage.fetched().await;
    let desk = TestRepo::new();
    desk.commit("main", &[("a", "1")], "one");
    let first = desk.commit("main", &[("a", "2")], "two");
    let second = desk.commit("main", &[("a", "3")], "three");
    repo.import(desk.path(), &second).await.unwrap();
    (stage, repo, first, second)
}

fn request(sha: &str, expected: Option<&str>) -> PushRequest {
    PushRequest { branch: "ampx/fix".into(), sha: sha.into(), expected: expected.map(str::to_owned) }
}

async fn pushed(repo: &CachedRepo, request: &PushRequest) -> Result<Pushed, GitError> {
    push(&permit(PUSH, repo, request.parameters()), repo, request).await
}

async fn deleted(repo: &CachedRepo, sha: &str) -> Result<Pushed, GitError> {
    let request = DeleteRequest { branch: "ampx/fix".into(), sha: sha.into() };
    delete_branch(&permit(DELETE_BRANCH, repo, request.parameters()), repo, &request).await
}

#[tokio::test]
async fn a_branch_is_made_moved_and_deleted_and_each_may_be_done_twice() {
    let (stage, repo, first, second) = ready().await;
    let new = request(&first, None);
    assert_eq!(pushed(&repo, &new).await.unwrap(), Pushed::Done);
    assert_eq!(pushed(&repo, &new).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(stage.remote.branch_sha("ampx/fix").unwrap(), first);
    let next = request(&second, Some(&first));
    assert_eq!(pushed(&repo, &next).await.unwrap(), Pushed::Done);
    assert_eq!(pushed(&repo, &next).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(stage.remote.log("ampx/fix"), ["three", "two", "one"]);
    let back = request(&first, Some(&second));
    assert_eq!(pushed(&repo, &back).await.unwrap(), Pushed::Done, "a lease allows what is no fast-forward");
    assert_eq!(deleted(&repo, &first).await.unwrap(), Pushed::Done);
    assert_eq!(deleted(&repo, &first).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(stage.remote.branches(), ["main"]);
}

#[tokio::test]
async fn a_branch_someone_else_moved_is_left_alone() {
    let (stage, repo, first, second) = ready().await;
    let theirs = stage.remote.commit("ampx/fix", &[("b", "1")], "theirs");
    for expected in [None, Some(first.as_str())] {
        let error = pushed(&repo, &request(&second, expected)).await.unwrap_err();
        let GitError::LeaseLost { branch, expected: told, seen } = &error else { panic!("{error:?}") };
        assert_eq!((branch.as_str(), told.as_deref(), seen.as_ref()), ("ampx/fix", expected, Some(&theirs)));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(&theirs), "{error}");
    }
    assert!(matches!(deleted(&repo, &first).await, Err(GitError::LeaseLost { .. })));
    assert_eq!(stage.remote.branch_sha("ampx/fix"), Some(theirs));
    stage.remote.delete_branch("ampx/fix");
    let error = pushed(&repo, &request(&second, Some(&first))).await.unwrap_err();
    assert!(matches!(error, GitError::LeaseLost { seen: None, .. }), "{error:?}");
}

/// Gives the remote a hook.
fn hook(remote: &TestRepo, name: &str, script: &str) {
    let file = remote.path().join("hooks").join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_branch_that_moves_between_look_and_push_is_left_alone_too() {
    let (stage, repo, first, second) = ready().await;
    let theirs = stage.remote.commit("theirs", &[("b", "1")], "theirs");
    // The hook comes after git compared what the remote advertised: it plays a push that was faster.
    let faster = format!(
        "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
         git update-ref refs/heads/ampx/fix {theirs}"
    );
    hook(&stage.remote, "pre-receive", &faster);
    let error = pushed(&repo, &request(&second, None)).await.unwrap_err();
    assert!(matches!(&error, GitError::LeaseLost { seen: Some(seen), .. } if *seen == theirs), "{error:?}");
    assert_eq!(stage.remote.branch_sha("ampx/fix"), Some(theirs));
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_remote_that_declines_says_why() {
    let (stage, repo, first, _) = ready().await;
    hook(&stage.remote, "pre-receive", "echo 'no pushes on sundays' >&2; exit 1");
    let error = pushed(&repo, &request(&first, None)).await.unwrap_err();
    let GitError::Failed { command, stderr } = &error else { panic!("{error:?}") };
    assert_eq!(command, "push");
    assert!(stderr.contains("pre-receive hook declined") && stderr.contains("no pushes on sundays"), "{stderr}");
    assert_eq!(stage.remote.branches(), ["main"]);
}

#[tokio::test]
async fn only_the_permitted_change_happens() {
    let (stage, repo, first, second) = ready().await;
    let asked = request(&first, None);
    let wrong_sha = request(&second, None).parameters();
    let wrong_branch = PushRequest { branch: "main".into(), ..asked.clone() }.parameters();
    for (verb, parameters) in [
        (PUSH, wrong_sha),
        (PUSH, wrong_branch),
        (PUSH, request(&first, Some(&second)).parameters()),
        (MERGE, asked.parameters()),
        (DELETE_BRANCH, asked.parameters()),
    ] {
        let error = push(&permit(verb, &repo, parameters), &repo, &asked).await.unwrap_err();
        assert!(matches!(error, GitError::Permit(_)) && error.kind() == ErrorKind::Denied, "{error:?}");
    }
    let elsewhere = Stage::new();
    let foreign = permit(PUSH, &elsewhere.open().await, asked.parameters());
    assert!(matches!(push(&foreign, &repo, &asked).await, Err(GitError::Permit(_))));
    let main = stage.remote.branch_sha("main").unwrap();
    let delete = DeleteRequest { branch: "main".into(), sha: main };
    let for_other = DeleteRequest { branch: "other".into(), ..delete.clone() };
    let other = permit(DELETE_BRANCH, &repo, for_other.parameters());
    assert!(matches!(delete_branch(&other, &repo, &delete).await, Err(GitError::Permit(_))));
    assert_eq!(stage.remote.branches(), ["main"]);
}

#[tokio::test]
async fn names_that_are_none_never_reach_git() {
    let (stage, repo, first, _) = ready().await;
    for branch in ["--mirror", "a..b", "", "x:refs/heads/main", "a b"] {
        let asked = PushRequest { branch: branch.into(), ..request(&first, None) };
        assert!(matches!(pushed(&repo, &asked).await, Err(GitError::NoSuchRef { .. })), "{branch}");
    }
    for sha in ["main", "", "--all", "0123"] {
        assert!(matches!(pushed(&repo, &request(sha, None)).await, Err(GitError::NoSuchRef { .. })), "{sha}");
    }
    let absent = pushed(&repo, &request(&"0123456789".repeat(4), None)).await.unwrap_err();
    assert!(matches!(absent, GitError::NoSuchRef { .. }), "{absent:?}");
    assert_eq!(stage.remote.branches(), ["main"]);
}

#[tokio::test]
async fn a_remote_that_is_gone_is_an_error() {
    let (stage, repo, first, _) = ready().await;
    let away = stage.remote.path().with_extension("away");
    std::fs::rename(stage.remote.path(), &away).unwrap();
    assert!(matches!(pushed(&repo, &request(&first, None)).await, Err(GitError::NotFound { .. })));
}
