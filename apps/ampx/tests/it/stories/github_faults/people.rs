//! What other people do while a task is at work, beside what `stories/github/trouble.rs` tells.

use ampx::MergeOptions;
use ampx::task::TaskStatus;
use opsmith_forge::git::MergeMethod;
use opsmith_model::Hint as _;
use testkit::github::{Protection, Verdict};

use super::super::ada;
use super::scene::{NAME, Scene};

const SQUASH: MergeOptions = MergeOptions { method: MergeMethod::Squash, delete_branch: true };

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_a_person_closes_is_not_merged() {
    let scene = Scene::new().await;
    let id = scene.start().await;
    scene.green(id).await;
    let detail = scene.ended(id).await;
    scene.assert_done_once(&detail, 1).await;
    let main = scene.git.branch_sha("main");
    scene.fake.close_pull(NAME, 1);
    let error = scene.world.ampx.merge(id, &SQUASH, false, &ada()).await.unwrap_err();
    assert_eq!(error.to_string(), "pull request 1 was closed by someone else");
    assert!(error.hint().unwrap().contains("reopen"), "{error:?}");
    assert_eq!(scene.git.branch_sha("main"), main);
    assert_eq!(scene.recorded("ampx.merge").await, 0);
    scene.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_of_the_branch_are_told_in_githubs_words_and_then_it_merges() {
    let scene = Scene::new().await;
    scene.fake.protect(NAME, "main", Protection { approvals: 1, ..Protection::default() });
    let id = scene.start().await;
    let branch = scene.green(id).await;
    let detail = scene.ended(id).await;
    scene.assert_done_once(&detail, 1).await;
    let error = scene.merge_with_yes(id).await.unwrap_err();
    assert!(error.to_string().contains("At least 1 approving review is required"), "{error}");
    scene.fake.review(NAME, 1, "eve", Verdict::Approved);
    let sha = scene.merge_with_yes(id).await.unwrap().sha;
    assert_eq!(sha, scene.git.branch_sha("main"));
    assert_eq!(scene.git.branch_sha(&branch), None);
    assert_eq!((scene.recorded("ampx.merge").await, scene.git.log("main").len()), (1, 2));
    scene.world.process.guard.verify().await.unwrap();
    scene.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_repository_ends_the_task_in_words() {
    let scene = Scene::new().await;
    let id = scene.start().await;
    let (_, sha) = scene.awaiting(id).await;
    scene.fake.with(NAME, |repo| repo.archived = true);
    scene.pass(&sha);
    let detail = scene.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::Error);
    let summary = &detail.task.summary;
    assert!(summary.contains("Repository was archived so is read-only."), "{summary}");
    scene.world.stop().await;
}
