use ampx::NewTask;
use ampx::task::TaskStatus;

use super::{ADD, GUESS_THEN_ADD, Hub, NAME, github_alone};

const OWNERS: &[(&str, &str)] = &[(".github/CODEOWNERS", "* @Grace @acme/core @nobody @opsmith\n")];
const ASK: &str = "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers";
const LABEL: &str = "POST /repos/{owner}/{repo}/issues/{issue_number}/labels";

fn labelled(hub: &Hub) -> NewTask {
    NewTask { labels: vec!["by agent".into()], ..hub.task("Make sum.sh add") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_status_is_fed_back_and_a_green_one_has_the_pull_request_reviewed_and_labelled() {
    let hub = Hub::new(github_alone(GUESS_THEN_ADD), OWNERS).await;
    hub.fake.with(NAME, |repo| repo.reviewers = vec!["grace".into(), "@core".into()]);
    let id = hub.create(&labelled(&hub)).await;
    hub.report(id, 1, "failure").await;
    hub.report(id, 2, "success").await;
    let detail = hub.world.ended(id).await;
    let task = &detail.task;
    assert_eq!((task.status, task.attempt_count), (TaskStatus::Success, 2), "{}", task.summary);
    let verdicts: Vec<_> = detail.attempts.iter().map(|attempt| attempt.ci_verdict.as_deref()).collect();
    assert_eq!(verdicts, [Some("red"), Some("green")]);
    assert!(detail.attempts[1].prompt.contains("`ci/any` failed"), "{}", detail.attempts[1].prompt);
    let told = "pull request 1 is open: 1 check passed; asked @grace, @acme/core for a review, and not @nobody (";
    assert!(task.summary.starts_with(told), "{}", task.summary);
    hub.fake.with(NAME, |repo| {
        let pull = repo.pull(1).unwrap();
        assert_eq!(pull.requested, ["grace", "@core"]);
        assert_eq!(Some(&pull.head_sha), task.pushed_sha.as_ref());
        assert_eq!(repo.labels[&1], ["by agent"]);
    });
    assert!(task.branch_url.as_deref().unwrap().ends_with(&format!("/{NAME}/tree/{}", task.branch)));
    let effects = ["push", "push", "open_pull_request", "request_reviewers", "add_labels"];
    let audited = hub.audited().await;
    assert_eq!(audited[0], "ampx.task_created");
    assert_eq!(audited[1..], effects.map(|effect| format!("ampx.{effect}")));
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_a_success_without_reviewers_and_labels() {
    let hub = Hub::new(github_alone(ADD), OWNERS).await;
    hub.fake.deny(ASK, "pull_requests=write");
    hub.fake.deny(LABEL, "issues=write");
    let id = hub.create(&labelled(&hub)).await;
    hub.report(id, 1, "success").await;
    let task = hub.world.ended(id).await.task;
    assert_eq!(task.status, TaskStatus::Success, "{}", task.summary);
    for words in ["; no reviewers asked: GitHub forbids", "`pull_requests=write`", "; not labelled: GitHub forbids"] {
        assert!(task.summary.contains(words), "{}", task.summary);
    }
    assert!(hub.world.log(id).await.contains("opsmith: not labelled: GitHub forbids"));
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_denies_is_not_asked() {
    let mut setup = github_alone(ADD);
    setup.more = "[policy]\n\"ampx.request_reviewers\" = \"deny\"\n\"ampx.add_labels\" = \"confirm\"\n".into();
    let hub = Hub::new(setup, OWNERS).await;
    let id = hub.create(&labelled(&hub)).await;
    hub.report(id, 1, "success").await;
    let task = hub.world.ended(id).await.task;
    assert_eq!(task.status, TaskStatus::Success, "{}", task.summary);
    assert!(task.summary.contains("no reviewers asked: ") && task.summary.contains("denies"), "{}", task.summary);
    assert!(task.summary.contains("; not labelled: waiting for a yes"), "{}", task.summary);
    assert_eq!((hub.fake.count(ASK), hub.fake.count(LABEL)), (0, 0));
    hub.world.stop().await;
}
