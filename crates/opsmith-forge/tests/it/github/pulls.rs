use opsmith_forge::git::Pushed;
use opsmith_forge::github::{
    ADD_LABELS, CodeOwners, GitHubError, LabelsRequest, Owner, REQUEST_REVIEWERS, ReviewersRequest,
};
use opsmith_forge::local::{OPEN_PULL_REQUEST, OpenRequest, PullRequestState};
use opsmith_model::{ErrorKind, Hint as _};
use testkit::github::Fault;

use super::scene::{CREATE, NAME, PULLS, Scene, UPDATE};

#[tokio::test]
async fn a_branch_has_one_pull_request_however_often_it_is_asked_for() {
    let scene = Scene::new().await;
    let request = scene.request();
    let first = scene.open(&request).await.unwrap();
    assert_eq!(
        (first.number, first.state.clone(), first.author.as_deref()),
        (1, PullRequestState::Open, Some("opsmith"))
    );
    assert_eq!(scene.open(&request).await.unwrap().number, 1);
    assert_eq!((scene.fake.count(CREATE), scene.fake.count(UPDATE)), (1, 0));
    let other = OpenRequest { title: "Mend b".into(), body: "Otherwise.".into(), ..request };
    let changed = scene.open(&other).await.unwrap();
    assert_eq!((changed.number, changed.title.as_str(), changed.body.as_str()), (1, "Mend b", "Otherwise."));
    assert_eq!((scene.fake.count(CREATE), scene.fake.count(UPDATE)), (1, 1));
    assert_eq!(scene.repo.pull_of_branch("fix").await.unwrap().unwrap().number, 1);
    assert_eq!(scene.repo.pull_of_branch("main").await.unwrap(), None);
}

#[tokio::test]
async fn two_who_ask_at_once_get_the_same() {
    let scene = Scene::new().await;
    // The first is slow to be created, so that both have looked and seen none.
    scene.fake.fault(Some(CREATE), Fault::Slow(std::time::Duration::from_millis(100)));
    let request = scene.request();
    let (one, two) = tokio::join!(scene.open(&request), scene.open(&request));
    assert_eq!((one.unwrap().number, two.unwrap().number), (1, 1));
    let mut answers = scene.statuses(CREATE);
    answers.sort_unstable();
    assert_eq!(answers, [201, 422], "both tried");
    assert_eq!(scene.fake.with(NAME, |repo| repo.pulls.len()), 1);
}

#[tokio::test]
async fn a_lost_answer_is_found_and_a_lost_request_is_told() {
    let scene = Scene::new().await;
    scene.fake.fault(Some(CREATE), Fault::Lost);
    assert_eq!(scene.open(&scene.request()).await.unwrap().number, 1);
    assert_eq!((scene.fake.count(CREATE), scene.fake.count(PULLS)), (1, 2));
    scene.fake.with(NAME, |repo| repo.pulls.clear());
    for fault in [Fault::Broken, Fault::Status(502), Fault::Garbled("<html>")] {
        scene.fake.fault(Some(CREATE), fault.clone());
        let error = scene.open(&scene.request()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Failed), "{fault:?}: {error:?}");
        assert!(error.hint().is_some());
    }
    assert_eq!(scene.fake.count(CREATE), 4, "what may have been done is not done again blindly");
    assert!(scene.fake.with(NAME, |repo| repo.pulls.is_empty()));
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_in_its_own_words() {
    let scene = Scene::new().await;
    let moved = OpenRequest { head_sha: "0".repeat(40), ..scene.request() };
    let error = scene.open(&moved).await.unwrap_err();
    assert!(matches!(&error, GitHubError::HeadMoved { seen: Some(seen), .. } if *seen == scene.head_sha), "{error:?}");
    let gone = OpenRequest { head: "none".into(), ..scene.request() };
    assert!(matches!(scene.open(&gone).await, Err(GitHubError::HeadMoved { seen: None, .. })));
    let base = OpenRequest { base: "release".into(), ..scene.request() };
    let error = scene.open(&base).await.unwrap_err();
    assert_eq!(error.to_string(), "the base branch `release` is gone");
    let main = scene.git.branch_sha("main").unwrap();
    scene.git.set_branch("same", &main);
    let same = OpenRequest { head: "same".into(), head_sha: main, ..scene.request() };
    let error = scene.open(&same).await.unwrap_err();
    assert!(error.to_string().contains("No commits between main and same"), "{error}");
    scene.fake.deny(CREATE, "pull_requests=write");
    let error = scene.open(&scene.request()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hint().unwrap().contains("`pull_requests=write`"), "{error}");
    let other = scene.permit(OPEN_PULL_REQUEST, same.parameters());
    let error = scene.repo.open_pull(&other, &scene.request()).await.unwrap_err();
    assert!(matches!(error, GitHubError::Permit(_)), "{error:?}");
}

#[tokio::test]
async fn a_pull_request_that_a_person_closed_is_not_reopened_but_made_anew() {
    let scene = Scene::new().await;
    scene.open(&scene.request()).await.unwrap();
    scene.fake.with(NAME, |repo| repo.pulls[0].state = testkit::github::PullState::Closed);
    assert_eq!(scene.repo.pull_of_branch("fix").await.unwrap().unwrap().state, PullRequestState::Closed);
    assert_eq!(scene.open(&scene.request()).await.unwrap().number, 2);
}

#[tokio::test]
async fn owners_are_asked_and_labels_are_added_once() {
    let scene = Scene::new().await;
    let pull = scene.open(&scene.request()).await.unwrap();
    scene.fake.with(NAME, |repo| repo.reviewers = vec!["ada".into(), "@core".into()]);
    let owners = CodeOwners::parse("* @Ada @opsmith\nc @acme/core @stranger grace@example.com\n");
    let owners = owners.reviewers(["b", "c"], pull.author.as_deref());
    let request = ReviewersRequest { number: pull.number, owners };
    let permit = scene.permit(REQUEST_REVIEWERS, request.parameters());
    for _ in 0..2 {
        let asked = scene.repo.request_reviewers(&permit, &request).await.unwrap();
        assert_eq!(asked.asked, [Owner::user("ada"), Owner::team("acme", "core")]);
        let refused: Vec<_> = asked.refused.iter().map(|(owner, _)| owner.clone()).collect();
        assert!(refused.contains(&Owner::user("stranger")), "{refused:?}");
        assert!(refused.contains(&Owner::Email("grace@example.com".into())), "{refused:?}");
        assert!(asked.refused.iter().any(|(_, why)| why.contains("collaborators")), "{asked:?}");
    }
    assert_eq!(scene.fake.with(NAME, |repo| repo.pulls[0].requested.clone()), ["ada", "@core"]);
    let request = LabelsRequest { number: pull.number, labels: vec!["opsmith".into(), "bug".into()] };
    let permit = scene.permit(ADD_LABELS, request.parameters());
    assert_eq!(scene.repo.add_labels(&permit, &request).await.unwrap(), Pushed::Done);
    assert_eq!(scene.repo.add_labels(&permit, &request).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(scene.fake.with(NAME, |repo| repo.labels[&1].clone()), ["opsmith", "bug"]);
}
