//! What owners and reviewers have a say in.

use chrono::Duration;
use opsmith_forge::git::{MERGE, MergeMethod, Pushed};
use opsmith_forge::github::{GitHubError, MergePull, MergedPull};
use opsmith_forge::local::PullRequestState;
use opsmith_model::{ErrorKind, Hint as _};
use serde_json::{Value, json};
use testkit::github::{Protection, Verdict};

use super::scene::{NAME, REPOSITORY, Scene, TOKEN};

async fn merge(scene: &Scene, request: &MergePull) -> Result<MergedPull, GitHubError> {
    scene.repo.merge_pull(&scene.permit(MERGE, request.parameters()), request).await
}

#[tokio::test]
async fn a_protected_branch_takes_what_is_checked_and_approved() {
    let scene = Scene::new().await;
    let rules = Protection { approvals: 1, dismiss_stale: true, checks: vec!["lint".into(), "unit".into()] };
    scene.fake.protect(NAME, "main", rules);
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let (sha, fake) = (scene.head_sha.as_str(), &scene.fake);
    let no: &dyn Fn() = &|| {};
    let steps: [(&dyn Fn(), &str); 6] = [
        (no, "2 of 2 required status checks have not succeeded: 2 expected."),
        (&|| fake.report(NAME, sha, "lint", "success"), "Required status check \"unit\" is expected."),
        (&|| fake.report(NAME, sha, "unit", "failure"), "Required status check \"unit\" is failing."),
        (
            &|| fake.report(NAME, sha, "unit", "success"),
            "At least 1 approving review is required by reviewers with write access.",
        ),
        (&|| fake.review(NAME, 1, "eve", Verdict::ChangesRequested), "Changes have been requested."),
        (&|| fake.review(NAME, 1, "ada", Verdict::Approved), "Changes have been requested."),
    ];
    for (what, words) in steps {
        what();
        let error = merge(&scene, &request).await.unwrap_err();
        assert!(matches!(&error, GitHubError::NotMergeable { message, .. } if message == words), "{words}: {error:?}");
    }
    fake.review(NAME, 1, "eve", Verdict::Approved);
    assert_eq!(merge(&scene, &request).await.unwrap().pushed, Pushed::Done);
}

#[tokio::test]
async fn what_was_left_to_github_is_merged_once_it_may_be() {
    let scene = Scene::new().await;
    scene.fake.protect(NAME, "main", Protection { approvals: 1, ..Protection::default() });
    let pull = scene.open(&scene.request()).await.unwrap();
    let request = scene.merge_of(&pull, MergeMethod::Squash);
    let permit = scene.permit(MERGE, request.later_parameters());
    assert_eq!(scene.repo.merge_when_ready(&permit, &request).await.unwrap(), Pushed::Done);
    scene.fake.review(NAME, 1, "ada", Verdict::Approved);
    let merged = scene.repo.pull_of_branch("fix").await.unwrap().unwrap();
    let sha = scene.git.branch_sha("main").unwrap();
    assert_eq!(merged.state, PullRequestState::Merged { sha });
}

/// The routes of people, which the client has no use for, are held against GitHub's description too.
#[tokio::test]
async fn reviews_and_statuses_go_by_the_api_as_well() {
    let scene = Scene::new().await;
    scene.open(&scene.request()).await.unwrap();
    let reviews = format!("/repos/{NAME}/pulls/1/reviews");
    let (status, refused) = scene.post(&reviews, &json!({ "event": "APPROVE" })).await;
    assert_eq!((status, &refused["errors"][0]), (422, &json!("Review Can not approve your own pull request")));
    let (status, review) = scene.post(&reviews, &json!({ "event": "COMMENT", "body": "Look here." })).await;
    assert_eq!((status, &review["state"]), (200, &json!("COMMENTED")));
    assert_eq!(scene.get(&reviews).await.1.as_array().unwrap().len(), 1);
    let statuses = format!("/repos/{NAME}/statuses/{}", scene.head_sha);
    let (status, _) = scene.post(&statuses, &json!({ "state": "success", "context": "ci" })).await;
    assert_eq!(status, 201);
    let suites = format!("/repos/{NAME}/commits/{}/check-suites", scene.head_sha);
    assert_eq!(scene.get(&suites).await.1["total_count"], 0);
}

#[tokio::test]
async fn an_archived_repository_can_be_read_alone() {
    let scene = Scene::new().await;
    scene.fake.with(NAME, |repo| repo.archived = true);
    assert!(scene.repo.info().await.is_ok());
    let error = scene.open(&scene.request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("Repository was archived so is read-only."), "{error}");
}

#[tokio::test]
async fn a_suspended_installation_can_do_nothing() {
    let scene = Scene::with_app().await;
    scene.repo.info().await.unwrap();
    scene.fake.suspend_installation(true);
    let error = scene.open(&scene.request()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("suspended"), "{error}");
    scene.hand.advance(Duration::hours(2));
    let error = scene.repo.info().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("suspended"), "{error}");
    scene.fake.suspend_installation(false);
    assert!(scene.open(&scene.request()).await.is_ok());
}

#[tokio::test]
async fn the_hours_requests_are_counted_and_unchanged_answers_cost_nothing() {
    let scene = Scene::new().await;
    scene.fake.allow_an_hour(2);
    for _ in 0..5 {
        scene.repo.info().await.unwrap();
    }
    assert_eq!(scene.statuses(REPOSITORY), [200, 304, 304, 304, 304]);
    assert!(scene.repo.pull_of_branch("fix").await.unwrap().is_none());
    let error = scene.repo.pull_of_branch("main").await.unwrap_err();
    let ends = (scene.clock.now() + Duration::hours(1)).format("%H:%M").to_string();
    assert!(matches!(&error, GitHubError::RateLimited { limit: "primary", until: Some(_) }), "{error:?}");
    assert!(error.to_string().contains(&ends), "{error}");
    assert!(!format!("{error:?}").contains(TOKEN));
}

#[tokio::test]
async fn git_goes_where_a_renamed_repository_is() {
    let scene = Scene::new().await;
    let other = scene.fake.add_repository("acme/new-api");
    let sha = other.commit("main", &[("a", "1")], "start");
    scene.fake.with(NAME, |repo| repo.renamed_to = Some("acme/new-api".into()));
    let environment = scene.repo.git_environment(std::env::vars_os().collect()).await.unwrap();
    let git = opsmith_forge::git::Git::new(environment).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let repo = opsmith_forge::git::RepoCache::new(folder.path(), git).open(&scene.url()).await.unwrap();
    repo.fetch().await.unwrap();
    assert!(repo.contains(&sha).await.unwrap());
    scene.fake.refuse_git(Some(503));
    assert!(repo.fetch().await.is_err());
    scene.fake.refuse_git(None);
    scene.fake.revoke_tokens();
    assert!(repo.fetch().await.is_err());
}

impl Scene {
    /// Asks without the client.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(reqwest::Client::new().get(format!("{}{path}", self.fake.api()))).await
    }

    /// The same with a body, unless it is null.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.fake.api()));
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(TOKEN).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}
