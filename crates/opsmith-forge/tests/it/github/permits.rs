use opsmith_forge::git::MergeMethod;
use opsmith_forge::github::{
    CloseRequest, CommentRequest, GitHubError, IssueRequest, LabelsRequest, MergePull, RerunRequest, ReviewersRequest,
};
use serde_json::json;

use super::scene::Scene;

#[tokio::test]
async fn no_effect_asks_github_anything_without_its_own_permit() {
    let scene = Scene::new().await;
    let (wrong, repo) = (scene.permit("merge", json!({})), &scene.repo);
    let merge = MergePull {
        number: 1,
        head_sha: scene.head_sha.clone(),
        base: "main".into(),
        method: MergeMethod::Merge,
        title: String::new(),
        message: String::new(),
    };
    let issue =
        IssueRequest { key: "k".into(), title: String::new(), body: String::new(), labels: vec!["opsmith".into()] };
    let comment = CommentRequest { number: 1, key: "k".into(), body: String::new() };
    let refusals: Vec<Option<GitHubError>> = vec![
        repo.open_pull(&wrong, &scene.request()).await.err(),
        repo.merge_pull(&wrong, &merge).await.err(),
        repo.merge_when_ready(&wrong, &merge).await.err(),
        repo.request_reviewers(&wrong, &ReviewersRequest { number: 1, owners: Vec::new() }).await.err(),
        repo.add_labels(&wrong, &LabelsRequest { number: 1, labels: Vec::new() }).await.err(),
        repo.rerun_failed_jobs(&wrong, &RerunRequest { run_id: 1, attempt: 1 }).await.err(),
        repo.open_issue(&wrong, &issue).await.err(),
        repo.comment(&wrong, &comment).await.err(),
        repo.close_issue(&wrong, &CloseRequest { number: 1 }).await.err(),
    ];
    for (number, refusal) in refusals.iter().enumerate() {
        assert!(matches!(refusal, Some(GitHubError::Permit(_))), "{number}: {refusal:?}");
    }
    assert!(scene.fake.asked().is_empty());
}
