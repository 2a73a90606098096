//! Answers that are spoiled on their way.

use std::time::Duration;

use opsmith_forge::ci::Verdict;
use opsmith_forge::git::{MERGE, MergeMethod};
use opsmith_forge::github::{Awaited, CiWait, GitHubError};
use opsmith_model::{ErrorKind, Hint as _};
use testkit::github::{Fault, Storm};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::scene::{CREATE, NAME, PUT_MERGE, REPOSITORY, Scene};

#[tokio::test(start_paused = true)]
async fn what_only_reads_is_tried_again_or_told() {
    for fault in [Fault::Reset, Fault::Html(502), Fault::Html(504)] {
        let scene = Scene::new().await;
        scene.fake.fault(Some(REPOSITORY), fault.clone());
        assert_eq!(scene.repo.info().await.unwrap().default_branch, "main", "{fault:?}");
        assert_eq!(scene.fake.count(REPOSITORY), 2, "{fault:?}");
    }
    for fault in [Fault::Truncated, Fault::Html(200)] {
        let scene = Scene::new().await;
        scene.fake.fault(Some(REPOSITORY), fault.clone());
        let error = scene.repo.info().await.unwrap_err();
        assert!(matches!(error, GitHubError::Garbled { .. }), "{fault:?}: {error:?}");
        assert!(error.hint().is_some() && !error.to_string().contains('<'), "{error}");
        assert!(scene.repo.info().await.is_ok(), "it is not kept");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_cut_and_one_that_drips_is_given_up() {
    let scene = Scene::new().await;
    scene.fake.fault(Some(REPOSITORY), Fault::Endless);
    let error = scene.repo.info().await.unwrap_err();
    assert!(matches!(error, GitHubError::TooLarge { .. }), "{error:?}");
    let began = Instant::now();
    scene.fake.fault(Some(REPOSITORY), Fault::Dripping(Duration::from_secs(10)));
    assert!(scene.repo.info().await.is_ok(), "the next answer is whole");
    assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_outage_is_no_silence() {
    let scene = Scene::new().await;
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let wait = CiWait { poll_interval: Duration::from_secs(30), grace: minutes(2), longest: minutes(60) };
    scene.fake.storm(Storm::Outage, minutes(10));
    let (wake, commit) = (Notify::new(), Awaited { branch: "fix", sha: &scene.head_sha, reruns: &[] });
    let (outcome, ()) = tokio::join!(scene.repo.await_verdict(commit, wait, &wake), async {
        tokio::time::sleep(minutes(12)).await;
        scene.fake.report(NAME, &scene.head_sha, "ci", "success");
    });
    assert!(matches!(outcome.unwrap().verdict, Verdict::Green { .. }));
}

#[tokio::test]
async fn what_was_done_and_whose_answer_is_spoiled_is_found() {
    for fault in [Fault::Reset, Fault::Truncated] {
        let scene = Scene::new().await;
        scene.fake.fault(Some(CREATE), fault.clone());
        let pull = scene.open(&scene.request()).await.unwrap();
        assert_eq!((pull.number, scene.fake.count(CREATE)), (1, 1), "{fault:?}");
        let request = scene.merge_of(&pull, MergeMethod::Squash);
        scene.fake.fault(Some(PUT_MERGE), fault.clone());
        let merged = scene.repo.merge_pull(&scene.permit(MERGE, request.parameters()), &request).await.unwrap();
        assert_eq!(Some(merged.sha), scene.git.branch_sha("main"), "{fault:?}");
        assert_eq!(scene.fake.count(PUT_MERGE), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_page_in_place_of_an_answer_to_a_change_is_told() {
    let scene = Scene::new().await;
    scene.fake.fault(Some(CREATE), Fault::Html(502));
    let error = scene.open(&scene.request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(scene.open(&scene.request()).await.unwrap().number, 1);
}
