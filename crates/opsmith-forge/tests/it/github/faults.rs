use std::time::Duration;

use futures::future::join_all;
use opsmith_forge::github::GitHubError;
use opsmith_model::{ErrorKind, Hint as _};
use testkit::github::{Fault, Storm};
use tokio::time::Instant;

use super::scene::{CREATE, REPOSITORY, Scene};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_storm_of_refusals_is_waited_out_by_all_callers_together() {
    for storm in [Storm::Secondary(Some(90)), Storm::Primary, Storm::Secondary(None)] {
        let scene = Scene::new().await;
        scene.repo.info().await.unwrap();
        scene.fake.storm(storm, 3 * MINUTE);
        let began = Instant::now();
        let asked = join_all((0..20).map(|_| scene.repo.info())).await;
        assert!(asked.iter().all(Result::is_ok), "{storm:?}: {asked:?}");
        assert!(began.elapsed() >= 3 * MINUTE, "{storm:?}: {:?}", began.elapsed());
        assert!(began.elapsed() < 8 * MINUTE, "{storm:?}: {:?}", began.elapsed());
        let refused = scene.statuses(REPOSITORY).iter().filter(|status| matches!(status, 403 | 429)).count();
        assert!(refused <= 20 * 4, "{storm:?}: {refused} requests ran into it");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_for_a_limit_is_done_afterwards_once() {
    let scene = Scene::new().await;
    scene.fake.storm(Storm::Secondary(Some(30)), MINUTE);
    assert_eq!(scene.open(&scene.request()).await.unwrap().number, 1);
    assert_eq!(scene.fake.count(CREATE), 1);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_holds_too_long_is_told_with_its_end() {
    let scene = Scene::new().await;
    scene.fake.storm(Storm::Primary, 50 * MINUTE);
    let began = Instant::now();
    let error = scene.repo.info().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(began.elapsed() < MINUTE, "it is known at once that waiting is in vain");
    assert!(error.to_string().starts_with("GitHub's primary limit of requests is used up until "), "{error}");
    scene.fake.storm(Storm::Secondary(None), 50 * MINUTE);
    assert_eq!(scene.repo.info().await.unwrap_err().kind(), ErrorKind::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_ten_minutes_passes_and_one_of_an_hour_ends_in_words() {
    let scene = Scene::new().await;
    scene.fake.storm(Storm::Outage, 10 * MINUTE);
    let began = Instant::now();
    assert_eq!(scene.open(&scene.request()).await.unwrap().number, 1);
    assert!((10 * MINUTE..12 * MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(scene.fake.asked().len() < 40, "{} requests", scene.fake.asked().len());
    scene.fake.storm(Storm::Outage, 60 * MINUTE);
    let began = Instant::now();
    let error = scene.repo.info().await.unwrap_err();
    assert!(matches!(error, GitHubError::Broken { status: 503, .. }), "{error:?}");
    assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::Unavailable, true));
    assert!((14 * MINUTE..=15 * MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn broken_connections_and_slow_answers_are_tried_again_for_what_only_reads() {
    for fault in [Fault::Broken, Fault::Lost, Fault::Status(502), Fault::Slow(5 * MINUTE)] {
        let scene = Scene::new().await;
        scene.fake.fault(Some(REPOSITORY), fault.clone());
        assert_eq!(scene.repo.info().await.unwrap().default_branch, "main", "{fault:?}");
    }
    let scene = Scene::new().await;
    scene.fake.fault(Some(REPOSITORY), Fault::Garbled("{\"full_name\": 5}"));
    let error = scene.repo.info().await.unwrap_err();
    assert!(matches!(error, GitHubError::Garbled { .. }), "{error:?}");
    scene.fake.fault(Some(CREATE), Fault::Slow(5 * MINUTE));
    let error = scene.open(&scene.request()).await.unwrap_err();
    assert!(matches!(error, GitHubError::TooSlow { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_there_is_told() {
    let scene = Scene::new().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let credentials = opsmith_forge::github::Credentials::Token(opsmith_model::Secret::new("x"));
    let github = super::scene::client(&format!("http://{closed}"), credentials, &scene.clock);
    let error = github.repository(&scene.url()).unwrap().info().await.unwrap_err();
    assert!(matches!(error, GitHubError::Unreachable { .. }), "{error:?}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}
