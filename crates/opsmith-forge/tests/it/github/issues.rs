use opsmith_forge::git::Pushed;
use opsmith_forge::github::{
    CLOSE_ISSUE, COMMENT, CloseRequest, CommentRequest, GitHubError, IssueRequest, OPEN_ISSUE,
};
use testkit::github::Fault;

use super::scene::{NAME, Scene};

#[tokio::test]
async fn an_issue_is_opened_commented_and_closed_once() {
    let scene = Scene::new().await;
    scene.open(&scene.request()).await.unwrap();
    let key = "lsqm:vpc --> <!-- x".to_owned();
    let labels = vec!["opsmith".to_owned()];
    let request = IssueRequest { key, title: "It broke".into(), body: "See there.".into(), labels };
    let permit = scene.permit(OPEN_ISSUE, request.parameters());
    scene.fake.fault(Some("POST /repos/{owner}/{repo}/issues"), Fault::Lost);
    let issue = scene.repo.open_issue(&permit, &request).await.unwrap();
    assert_eq!(issue.number, 2, "a pull request has the first number");
    assert_eq!(scene.repo.open_issue(&permit, &request).await.unwrap(), issue);
    let other = IssueRequest { key: "lsqm:s3".into(), ..request.clone() };
    let permit = scene.permit(OPEN_ISSUE, other.parameters());
    assert_eq!(scene.repo.open_issue(&permit, &other).await.unwrap().number, 3);
    let comment = CommentRequest { number: 2, key: "run 9".into(), body: "Still broken.".into() };
    let permit = scene.permit(COMMENT, comment.parameters());
    assert_eq!(scene.repo.comment(&permit, &comment).await.unwrap(), Pushed::Done);
    assert_eq!(scene.repo.comment(&permit, &comment).await.unwrap(), Pushed::AlreadyThere);
    let close = CloseRequest { number: 2 };
    let permit = scene.permit(CLOSE_ISSUE, close.parameters());
    assert_eq!(scene.repo.close_issue(&permit, &close).await.unwrap(), Pushed::Done);
    assert_eq!(scene.repo.close_issue(&permit, &close).await.unwrap(), Pushed::AlreadyThere);
    assert!(!scene.repo.issue_of(&request.key, "opsmith").await.unwrap().unwrap().open);
    assert!(matches!(scene.repo.comment(&permit, &comment).await, Err(GitHubError::Permit(_))));
    let (issues, comments) = scene.fake.with(NAME, |repo| (repo.issues.len(), repo.comments.len()));
    assert_eq!((issues, comments), (2, 1));
}
