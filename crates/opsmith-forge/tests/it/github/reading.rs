use std::collections::HashMap;

use opsmith_forge::github::{ADD_LABELS, Credentials, GitHubError, LabelsRequest};
use opsmith_forge::url::RepoUrl;
use opsmith_model::{Hint as _, Secret};
use testkit::github::{CheckRun, Description};

use super::scene::{CREATE, NAME, PULL, PULLS, PUT_MERGE, REPOSITORY, Scene, TOKEN, UPDATE, client};

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let scene = Scene::new().await;
    let first = scene.repo.info().await.unwrap();
    assert_eq!(scene.repo.info().await.unwrap(), first);
    assert_eq!(scene.statuses(REPOSITORY), [200, 304]);
    scene.fake.with(NAME, |repo| repo.auto_merge = false);
    assert_eq!(scene.repo.info().await.unwrap().auto_merge, Some(false));
    assert_eq!(scene.statuses(REPOSITORY), [200, 304, 200]);
    assert_eq!((first.default_branch.as_str(), first.may_push, first.methods.unwrap().len()), ("main", Some(true), 3));
}

#[tokio::test]
async fn long_lists_are_read_to_their_end() {
    let scene = Scene::new().await;
    let run = |id: u64| CheckRun {
        id,
        sha: scene.head_sha.clone(),
        name: format!("check {id}"),
        status: "completed".into(),
        conclusion: Some(if id == 249 { "failure" } else { "success" }.into()),
        app: "other".into(),
        ..CheckRun::default()
    };
    scene.fake.with(NAME, |repo| repo.check_runs = (0..250).map(run).collect());
    let ci = scene.repo.ci_of(&scene.head_sha).await.unwrap();
    assert!(matches!(&ci, opsmith_forge::github::CommitCi::Red { failed } if failed[0].name == "check 249"), "{ci:?}");
    assert_eq!(scene.fake.count("GET /repos/{owner}/{repo}/commits/{ref}/check-runs"), 3);
    scene.fake.with(NAME, |repo| repo.labels.insert(1, (0..3_100).map(|n| n.to_string()).collect()));
    let request = LabelsRequest { number: 1, labels: vec!["0".into()] };
    let error = scene.repo.add_labels(&scene.permit(ADD_LABELS, request.parameters()), &request).await.unwrap_err();
    assert!(matches!(error, GitHubError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn an_enterprise_server_is_asked_below_its_own_path() {
    let scene = Scene::new().await;
    let github = client(&scene.fake.enterprise_api(), Credentials::Token(Secret::new(TOKEN)), &scene.clock);
    let repo = github.repository(&scene.url()).unwrap();
    assert_eq!(repo.branch("fix").await.unwrap(), Some(scene.head_sha.clone()));
    assert!(scene.fake.asked().iter().all(|asked| asked.path.starts_with("/api/v3/repos/")));
}

#[tokio::test]
async fn what_is_hidden_or_elsewhere_is_told() {
    let scene = Scene::new().await;
    let github = client(&scene.fake.api(), Credentials::Token(Secret::new(TOKEN)), &scene.clock);
    let hidden = RepoUrl::parse(&scene.fake.url("acme/secret")).unwrap();
    let error = github.repository(&hidden).unwrap().info().await.unwrap_err();
    assert!(error.to_string().contains("`acme/secret`") && error.to_string().contains("or hides it"), "{error}");
    assert!(error.hint().unwrap().contains("access"));
    let elsewhere = RepoUrl::parse("https://example.com/acme/api").unwrap();
    assert!(!github.has(&elsewhere));
    assert!(matches!(github.repository(&elsewhere), Err(GitHubError::Elsewhere { .. })));
    assert_eq!(scene.repo.branch("no/such").await.unwrap(), None);
    assert_eq!(scene.repo.branch("../../x").await.unwrap(), None);
    let odd = "odd#&%41+ü";
    scene.git.set_branch(odd, &scene.head_sha);
    assert_eq!(scene.repo.branch(odd).await.unwrap(), Some(scene.head_sha.clone()));
}

#[test]
fn the_description_has_what_the_stories_name() {
    let Some(description) = Description::load() else { return };
    for route in [PULLS, CREATE, PULL, UPDATE, PUT_MERGE, REPOSITORY] {
        let (method, template) = route.split_once(' ').unwrap();
        assert!(description.has(method, template), "{route}");
    }
    let query = HashMap::from([("head".to_owned(), "a:b".to_owned()), ("nonsense".to_owned(), String::new())]);
    let wrong = description.check_request("GET", "/repos/{owner}/{repo}/pulls", &query, &serde_json::Value::Null);
    assert!(wrong.unwrap_err().contains("nonsense"));
    let body = serde_json::json!({ "title": 5, "head": "a", "base": "b" });
    assert!(description.check_request("POST", "/repos/{owner}/{repo}/pulls", &HashMap::new(), &body).is_err());
    let answer = serde_json::json!({ "sha": "x", "merged": true });
    let wrong = description.check_answer("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", 200, Some(&answer));
    assert!(wrong.unwrap_err().contains("message"));
}
