use std::time::Duration;

use ampx::task::TaskStatus;
use ampx::{AmpxError, MergeOptions, Merged};
use opsmith_forge::git::MergeMethod;
use opsmith_guard::{Answer, Refusal};
use opsmith_model::{Hint as _, TaskId};
use opsmith_runs::RunFilter;
use opsmith_store::Page;
use testkit::github::{Protection, PullState, Verdict};

use super::{ADD, Hub, NAME, ada, github_alone};

/// Asks, says yes as ada, and asks again.
async fn with_yes(hub: &Hub, id: TaskId, options: &MergeOptions, auto: bool) -> Result<Merged, AmpxError> {
    let asked = match hub.world.ampx.merge(id, options, auto, &ada()).await.unwrap_err() {
        AmpxError::Refused(Refusal::ConfirmationRequired(asked)) => asked,
        other => return Err(other),
    };
    hub.world.process.guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada()).await.unwrap();
    hub.world.ampx.merge(id, options, auto, &ada()).await
}

/// Waits for the ends of all merges that were begun.
async fn merges_end(hub: &Hub) {
    let (runs, filter) = (&hub.world.process.runs, RunFilter { kind: Some("ampx.merge".into()), state: None });
    for run in runs.list(&filter, Page { limit: 100, offset: 0 }).await.unwrap().0 {
        tokio::time::timeout(Duration::from_secs(30), runs.wait(run.id)).await.unwrap().unwrap();
    }
}

fn by(method: MergeMethod) -> MergeOptions {
    MergeOptions { method, delete_branch: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn github_merges_by_each_method_and_the_branch_goes() {
    for (method, commits) in [(MergeMethod::Squash, 2), (MergeMethod::Merge, 3), (MergeMethod::Rebase, 2)] {
        let hub = Hub::new(github_alone(ADD), &[]).await;
        let id = hub.green().await.task.id;
        let sha = with_yes(&hub, id, &by(method), false).await.unwrap().sha;
        assert_eq!((sha.is_some(), hub.git.branch_sha("main")), (true, sha.clone()));
        assert_eq!((hub.git.log("main").len(), hub.git.branches()), (commits, vec!["main".to_owned()]), "{method:?}");
        hub.fake.with(NAME, |repo| {
            let number = repo.pulls[0].number;
            assert_eq!(repo.pull(number).unwrap().state, PullState::Merged(sha.clone().unwrap()));
        });
        assert_eq!(hub.world.ampx.merge(id, &by(method), false, &ada()).await.unwrap().sha, sha, "once");
        let task = hub.world.ampx.task(id).await.unwrap();
        assert!(task.merged_at.is_some() && task.merged_sha == sha, "{}", task.summary);
        assert!(hub.audited().await.ends_with(&["ampx.merge".to_owned(), "ampx.delete_branch".to_owned()]));
        hub.world.process.guard.verify().await.unwrap();
        hub.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_yes_merges_by_github_itself_once_its_rules_allow() {
    let hub = Hub::new(github_alone(ADD), &[]).await;
    hub.fake.protect(NAME, "main", Protection { approvals: 1, ..Protection::default() });
    let id = hub.start().await;
    hub.awaited(id, 1).await;
    let squash = by(MergeMethod::Squash);
    assert_eq!(with_yes(&hub, id, &squash, true).await.unwrap().sha, None);
    hub.report(id, 1, "success").await;
    let summary = async || hub.world.ampx.task(id).await.unwrap().summary;
    hub.world.until(async || summary().await.starts_with("GitHub merges pull request 1 as soon as")).await;
    hub.fake.with(NAME, |repo| assert_eq!(repo.pull(1).unwrap().auto_merge.as_deref(), Some("squash")));
    assert_eq!(hub.git.log("main").len(), 1);
    hub.fake.review(NAME, 1, "grace", Verdict::Approved);
    hub.world.until(async || hub.world.ampx.task(id).await.unwrap().merged_sha.is_some()).await;
    merges_end(&hub).await;
    assert_eq!(hub.git.branches(), ["main"]);
    let task = hub.world.ampx.task(id).await.unwrap();
    assert_eq!(
        (task.status, task.merged_sha, task.auto_merge),
        (TaskStatus::Success, hub.git.branch_sha("main"), None)
    );
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_yes_merges_at_once_where_nothing_stands_in_the_way() {
    let hub = Hub::new(github_alone(ADD), &[]).await;
    let id = hub.start().await;
    hub.awaited(id, 1).await;
    assert_eq!(with_yes(&hub, id, &by(MergeMethod::Rebase), true).await.unwrap().sha, None);
    hub.report(id, 1, "success").await;
    hub.world.until(async || hub.world.ampx.task(id).await.unwrap().merged_sha.is_some()).await;
    merges_end(&hub).await;
    assert_eq!(hub.git.branches(), ["main"]);
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_github_merges_nothing_by_itself_the_reason_is_told() {
    for allowed in [false, true] {
        let hub = Hub::new(github_alone(ADD), &[]).await;
        hub.fake.protect(NAME, "main", Protection { approvals: 1, ..Protection::default() });
        hub.fake.with(NAME, |repo| repo.auto_merge = allowed);
        let id = hub.start().await;
        hub.awaited(id, 1).await;
        assert_eq!(with_yes(&hub, id, &by(MergeMethod::Squash), true).await.unwrap().sha, None);
        if allowed {
            hub.fake.deny("POST /graphql", "pull_requests=write");
        }
        hub.report(id, 1, "success").await;
        let summary = async || hub.world.ampx.task(id).await.unwrap().summary;
        hub.world.until(async || summary().await.starts_with("not merged: GitHub ")).await;
        let words = if allowed { "GitHub forbids" } else { "At least 1 approving review is required" };
        assert!(summary().await.contains(words), "{}", summary().await);
        hub.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_does_not_merge_is_told_in_its_words() {
    let hub = Hub::new(github_alone(ADD), &[]).await;
    let id = hub.green().await.task.id;
    hub.fake.protect(NAME, "main", Protection { approvals: 1, ..Protection::default() });
    let error = with_yes(&hub, id, &by(MergeMethod::Squash), false).await.unwrap_err();
    assert!(error.to_string().contains("At least 1 approving review is required"), "{error}");
    assert!(error.hint().is_some());
    hub.fake.close_pull(NAME, 1);
    let error = hub.world.ampx.merge(id, &by(MergeMethod::Squash), false, &ada()).await.unwrap_err();
    assert_eq!(error.to_string(), "pull request 1 was closed by someone else");
    hub.git.delete_branch("main");
    let error = hub.world.ampx.merge(id, &by(MergeMethod::Squash), false, &ada()).await.unwrap_err();
    assert_eq!(error.to_string(), "the base branch `main` is gone, and with it pull request 1");
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_closed_is_no_longer_to_be_merged() {
    let hub = Hub::new(github_alone(ADD), &[]).await;
    hub.fake.protect(NAME, "main", Protection { approvals: 1, ..Protection::default() });
    let id = hub.green().await.task.id;
    assert_eq!(with_yes(&hub, id, &by(MergeMethod::Merge), true).await.unwrap().sha, None, "GitHub will");
    hub.fake.close_pull(NAME, 1);
    hub.world.until(async || hub.world.ampx.task(id).await.unwrap().auto_merge.is_none()).await;
    let task = hub.world.ampx.task(id).await.unwrap();
    assert_eq!(task.summary, "pull request 1 was closed by someone else, so it is not merged");
    hub.world.stop().await;
}
