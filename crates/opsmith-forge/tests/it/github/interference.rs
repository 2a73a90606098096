use std::time::Duration;

use opsmith_forge::git::{MERGE, MergeMethod};
use opsmith_forge::github::GitHubError;
use opsmith_model::{ErrorKind, Hint as _};
use testkit::github::{Fault, PullState};

use super::scene::{NAME, PUT_MERGE, REPOSITORY, Scene};

#[tokio::test]
async fn a_branch_that_someone_else_pushed_to_is_not_merged() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let permit = scene.permit(MERGE, request.parameters());
    let main = scene.git.branch_sha("main").unwrap();
    let theirs = scene.git.commit_from(&main, "fix", &[("evil", "1")], "theirs");
    let error = scene.repo.merge_pull(&permit, &request).await.unwrap_err();
    assert!(matches!(&error, GitHubError::HeadMoved { seen: Some(seen), .. } if *seen == theirs), "{error:?}");
    assert_eq!(scene.fake.count(PUT_MERGE), 0);
    assert_eq!(scene.git.branch_sha("main"), Some(main));
}

#[tokio::test(start_paused = true)]
async fn not_even_one_that_moves_between_look_and_merge() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let permit = scene.permit(MERGE, request.parameters());
    let main = scene.git.branch_sha("main").unwrap();
    scene.fake.fault(Some(PUT_MERGE), Fault::Slow(Duration::from_secs(10)));
    let (outcome, ()) = tokio::join!(scene.repo.merge_pull(&permit, &request), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        scene.git.commit_from(&main, "fix", &[("evil", "1")], "theirs");
    });
    assert_eq!(scene.statuses(PUT_MERGE), [409]);
    assert!(matches!(outcome, Err(GitHubError::HeadMoved { .. })), "{outcome:?}");
    assert_eq!(scene.git.branch_sha("main"), Some(main));
}

#[tokio::test]
async fn a_deleted_base_and_a_closed_pull_request_are_told() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Merge);
    let permit = scene.permit(MERGE, request.parameters());
    scene.fake.with(NAME, |repo| repo.pulls[0].state = PullState::Closed);
    let error = scene.repo.merge_pull(&permit, &request).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), ("pull request 1 is closed", ErrorKind::Conflict));
    scene.git.set_branch("keep", "main");
    scene.git.delete_branch("main");
    let error = scene.repo.merge_pull(&permit, &request).await.unwrap_err();
    assert_eq!(error.to_string(), "the base branch `main` is gone");
    assert!(error.hint().is_some());
    assert_eq!(scene.fake.count(PUT_MERGE), 0);
}

#[tokio::test]
async fn a_merge_of_something_else_by_someone_else_is_no_success() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let permit = scene.permit(MERGE, request.parameters());
    scene.fake.with(NAME, |repo| {
        repo.pulls[0].head_sha = "1".repeat(40);
        repo.pulls[0].state = PullState::Merged("2".repeat(40));
    });
    let error = scene.repo.merge_pull(&permit, &request).await.unwrap_err();
    assert!(matches!(error, GitHubError::HeadMoved { .. }), "{error:?}");
}

#[tokio::test]
async fn a_token_that_is_revoked_ends_the_work_and_is_not_repeated() {
    let scene = Scene::new().await;
    scene.repo.info().await.unwrap();
    scene.fake.revoke_tokens();
    let error = scene.open(&scene.request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("Bad credentials") && error.hint().unwrap().contains("revoked"), "{error}");
    assert!(!format!("{error:?}").contains(super::scene::TOKEN));
    assert_eq!(scene.fake.asked().iter().filter(|asked| asked.status == 401).count(), 1);
}

#[tokio::test]
async fn a_renamed_repository_is_read_and_not_changed() {
    let scene = Scene::new().await;
    let other = scene.fake.add_repository("acme/new-api");
    other.commit("main", &[("a", "1")], "start");
    let head_sha = other.commit("fix", &[("b", "1")], "fix");
    scene.fake.with(NAME, |repo| repo.renamed_to = Some("acme/new-api".into()));
    assert_eq!(scene.repo.info().await.unwrap().full_name, "acme/new-api");
    assert_eq!(scene.statuses(REPOSITORY), [301, 200]);
    let request = opsmith_forge::local::OpenRequest { head_sha, ..scene.request() };
    let error = scene.open(&request).await.unwrap_err();
    assert!(matches!(error, GitHubError::Moved { .. }) && error.hint().is_some(), "{error:?}");
    assert!(scene.fake.with("acme/new-api", |repo| repo.pulls.is_empty()));
}
