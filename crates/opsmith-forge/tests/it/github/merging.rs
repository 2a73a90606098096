use opsmith_forge::git::{DELETE_BRANCH, DeleteRequest, Git, MERGE, MergeMethod, Pushed, RepoCache, delete_branch};
use opsmith_forge::github::{GitHubError, MergePull, MergedPull};
use opsmith_forge::local::PullRequestState;
use opsmith_model::{ErrorKind, Hint as _};
use testkit::github::Fault;

use super::scene::{NAME, PULL, PUT_MERGE, Scene};

async fn merge(scene: &Scene, request: &MergePull) -> Result<MergedPull, GitHubError> {
    scene.repo.merge_pull(&scene.permit(MERGE, request.parameters()), request).await
}

async fn later(scene: &Scene, request: &MergePull) -> Result<Pushed, GitHubError> {
    scene.repo.merge_when_ready(&scene.permit(MERGE, request.later_parameters()), request).await
}

#[tokio::test]
async fn each_method_merges_once_and_the_branch_goes() {
    for (method, parents, log) in [
        (MergeMethod::Squash, 1, vec!["Fix b (#1)", "start"]),
        (MergeMethod::Merge, 2, vec!["Fix b (#1)", "add c", "fix b", "start"]),
        (MergeMethod::Rebase, 1, vec!["add c", "fix b", "start"]),
    ] {
        let scene = Scene::new().await;
        let pull = scene.open(&scene.request()).await.unwrap();
        let request = scene.merge_of(&pull, method);
        let merged = merge(&scene, &request).await.unwrap();
        assert_eq!((merged.pushed, Some(&merged.sha)), (Pushed::Done, scene.git.branch_sha("main").as_ref()));
        let again = merge(&scene, &request).await.unwrap();
        assert_eq!((again.pushed, &again.sha), (Pushed::AlreadyThere, &merged.sha));
        assert_eq!(scene.fake.count(PUT_MERGE), 1);
        let found = scene.git.git(&["rev-list", "--parents", "-1", "main"]);
        assert_eq!(found.split(' ').count() - 1, parents, "{method:?}");
        let mut subjects = scene.git.log("main");
        subjects.sort_unstable_by_key(|subject| log.iter().position(|known| known == subject));
        assert_eq!(subjects, log, "{method:?}");
        assert_eq!(scene.git.files("main"), ["a", "b", "c"]);
        let state = scene.repo.pull_of_branch("fix").await.unwrap().unwrap().state;
        assert_eq!(state, PullRequestState::Merged { sha: merged.sha });
        delete_with_our_token(&scene).await;
        assert_eq!(scene.git.branches(), ["main"]);
    }
}

/// Git gets the token by its environment, and by nothing else.
async fn delete_with_our_token(scene: &Scene) {
    let environment = scene.repo.git_environment(std::env::vars_os().collect()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = RepoCache::new(folder.path(), Git::new(environment).unwrap());
    let repo = cache.open(&scene.url()).await.unwrap();
    repo.fetch().await.unwrap();
    let request = DeleteRequest { branch: "fix".into(), sha: scene.head_sha.clone() };
    let permit = scene.permit(DELETE_BRANCH, request.parameters());
    assert_eq!(delete_branch(&permit, &repo, &request).await.unwrap(), Pushed::Done);
    assert_eq!(delete_branch(&permit, &repo, &request).await.unwrap(), Pushed::AlreadyThere);
    let plain = RepoCache::new(folder.path().join("plain"), Git::new(std::env::vars_os()).unwrap());
    assert!(plain.open(&scene.url()).await.unwrap().fetch().await.is_err(), "without the token git is refused");
}

#[tokio::test]
async fn a_merge_whose_answer_is_lost_is_found() {
    for fault in [Fault::Lost, Fault::Broken, Fault::Status(500)] {
        let scene = Scene::new().await;
        let pull = scene.open(&scene.request()).await.unwrap();
        let request = scene.merge_of(&pull, MergeMethod::Squash);
        scene.fake.fault(Some(PUT_MERGE), fault.clone());
        let outcome = merge(&scene, &request).await;
        match fault {
            Fault::Lost => assert_eq!(Some(outcome.unwrap().sha), scene.git.branch_sha("main")),
            _ => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable),
        }
        assert_eq!(scene.fake.count(PUT_MERGE), 1);
        assert!(merge(&scene, &request).await.is_ok(), "asking again is harmless");
        assert_eq!(scene.git.log("main").len(), 2);
    }
}

#[tokio::test]
async fn rules_conflicts_and_methods_that_are_off_are_told() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Rebase);
    scene.fake.with(NAME, |repo| repo.methods = vec!["squash"]);
    let error = merge(&scene, &request).await.unwrap_err();
    assert!(error.to_string().contains("rebase merges are not allowed"), "{error}");
    assert_eq!(scene.repo.info().await.unwrap().methods, Some(vec![MergeMethod::Squash]));
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let rule = "At least 1 approving review is required by reviewers with write access.";
    scene.fake.with(NAME, |repo| repo.pulls[0].blocked_by = Some(rule.into()));
    let error = merge(&scene, &request).await.unwrap_err();
    assert!(matches!(&error, GitHubError::NotMergeable { message, .. } if message == rule), "{error:?}");
    assert!(error.kind() == ErrorKind::Conflict && error.hint().is_some());
    scene.fake.with(NAME, |repo| repo.pulls[0].blocked_by = None);
    scene.git.commit("main", &[("b", "2")], "meanwhile");
    let error = merge(&scene, &request).await.unwrap_err();
    assert!(matches!(error, GitHubError::NotMergeable { .. }), "{error:?}");
    let elsewhere = MergePull { base: "release".into(), ..request.clone() };
    assert!(matches!(merge(&scene, &elsewhere).await, Err(GitHubError::NotMergeable { .. })));
    scene.fake.deny(PUT_MERGE, "contents=write");
    let error = merge(&scene, &request).await.unwrap_err();
    assert!(error.to_string().contains("without the permission `contents=write`"), "{error}");
    for other in [request.later_parameters(), elsewhere.parameters()] {
        let error = scene.repo.merge_pull(&scene.permit(MERGE, other), &request).await.unwrap_err();
        assert!(matches!(error, GitHubError::Permit(_)), "{error:?}");
    }
    assert_eq!(scene.git.log("main"), ["meanwhile", "start"]);
}

#[tokio::test(start_paused = true)]
async fn github_may_take_its_time_to_know_whether_it_merges() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    scene.fake.with(NAME, |repo| repo.pulls[0].looks_until_known = 3);
    merge(&scene, &scene.merge_of(&pull, MergeMethod::Merge)).await.unwrap();
    assert_eq!(scene.fake.count(PULL), 4);
}

#[tokio::test]
async fn github_merges_by_itself_where_it_is_allowed_to() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let error = later(&scene, &request).await.unwrap_err();
    assert!(
        matches!(&error, GitHubError::NoAutoMerge { message, .. } if message.contains("clean status")),
        "{error:?}"
    );
    scene.fake.with(NAME, |repo| repo.pulls[0].blocked_by = Some("a check is missing".into()));
    scene.fake.with(NAME, |repo| repo.auto_merge = false);
    let error = later(&scene, &request).await.unwrap_err();
    assert!(error.to_string().contains("not allowed for this repository"), "{error}");
    assert!(error.hint().unwrap().contains("settings"), "{error}");
    scene.fake.with(NAME, |repo| repo.auto_merge = true);
    assert_eq!(later(&scene, &request).await.unwrap(), Pushed::Done);
    assert_eq!(later(&scene, &request).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(scene.fake.with(NAME, |repo| repo.pulls[0].auto_merge.clone()).as_deref(), Some("squash"));
    assert_eq!(scene.fake.count("POST /graphql"), 3);
    let now = scene.permit(MERGE, request.parameters());
    assert!(matches!(scene.repo.merge_when_ready(&now, &request).await, Err(GitHubError::Permit(_))));
}
