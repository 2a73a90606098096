use chrono::Duration;
use futures::future::join_all;
use opsmith_forge::github::{AppKey, Credentials, GitHubError};
use opsmith_model::{ErrorKind, Hint as _, Secret};
use testkit::github::{Fault, Storm};

use super::scene::{Scene, client};

const NEW_TOKEN: &str = "POST /app/installations/{installation_id}/access_tokens";

/// The token that the last request came with.
fn last_token(scene: &Scene) -> String {
    scene.fake.asked().last().unwrap().token.clone()
}

#[tokio::test]
async fn callers_share_one_token_until_shortly_before_its_end() {
    let scene = Scene::with_app().await;
    assert!(join_all((0..8).map(|_| scene.repo.info())).await.iter().all(Result::is_ok));
    assert_eq!(scene.fake.count(NEW_TOKEN), 1);
    let first = last_token(&scene);
    scene.hand.advance(Duration::minutes(54));
    scene.repo.info().await.unwrap();
    assert_eq!((scene.fake.count(NEW_TOKEN), last_token(&scene)), (1, first.clone()));
    scene.hand.advance(Duration::minutes(2));
    assert!(join_all((0..8).map(|_| scene.repo.info())).await.iter().all(Result::is_ok));
    assert_eq!(scene.fake.count(NEW_TOKEN), 2, "renewed while the old one was still good, once for all");
    assert_ne!(last_token(&scene), first);
    scene.hand.advance(Duration::hours(30));
    scene.repo.info().await.unwrap();
    assert_eq!(scene.fake.count(NEW_TOKEN), 3);
}

#[tokio::test]
async fn a_revoked_token_is_replaced_in_the_middle_of_the_work() {
    let scene = Scene::with_app().await;
    scene.repo.info().await.unwrap();
    scene.fake.revoke_tokens();
    assert_eq!(scene.open(&scene.request()).await.unwrap().author.as_deref(), Some("opsmith[bot]"));
    assert_eq!(scene.fake.count(NEW_TOKEN), 2);
    assert_eq!(scene.fake.asked().iter().filter(|asked| asked.status == 401).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_at_the_time_of_renewal_is_no_end_as_long_as_the_token_is_good() {
    let scene = Scene::with_app().await;
    scene.repo.info().await.unwrap();
    let first = last_token(&scene);
    scene.hand.advance(Duration::minutes(56));
    let installation = "GET /repos/{owner}/{repo}/installation";
    for _ in 0..20 {
        scene.fake.fault(Some(installation), Fault::Status(503));
    }
    scene.repo.info().await.unwrap();
    assert_eq!((scene.fake.count(NEW_TOKEN), last_token(&scene)), (1, first));
    scene.fake.storm(Storm::Outage, std::time::Duration::from_secs(5 * 60));
    scene.repo.info().await.unwrap();
    assert_eq!(scene.fake.count(NEW_TOKEN), 2, "and it is renewed afterwards");
}

#[tokio::test]
async fn a_key_that_is_not_the_apps_is_told_without_showing_it() {
    let scene = Scene::with_app().await;
    let stranger = scene.fake.add_app("12345");
    scene.fake.add_app("12345");
    let key = AppKey::new("12345", &Secret::new(stranger.private_key.clone())).unwrap();
    assert!(!format!("{key:?}").contains("PRIVATE"));
    let github = client(&scene.fake.api(), Credentials::App(key), &scene.clock);
    let error = github.repository(&scene.url()).unwrap().info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("could not be decoded"), "{error}");
    for bad in ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        let error = AppKey::new("12345", &Secret::new(bad)).unwrap_err();
        assert!(matches!(error, GitHubError::BadKey { .. }) && error.hint().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn git_gets_the_installation_token_too() {
    let scene = Scene::with_app().await;
    let environment = scene.repo.git_environment(std::env::vars_os().collect()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let git = opsmith_forge::git::Git::new(environment).unwrap();
    assert!(!format!("{git:?}").contains("Basic"), "its Debug names variables, not values");
    let cache = opsmith_forge::git::RepoCache::new(folder.path(), git);
    let repo = cache.open(&scene.url()).await.unwrap();
    repo.fetch().await.unwrap();
    assert!(repo.contains(&scene.head_sha).await.unwrap());
}
