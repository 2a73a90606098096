//! GitHub Actions, whose workflows the fake runs by act.

use ampx::task::TaskStatus;

use super::super::{Setup, outside};
use super::{ADD, GUESS_THEN_ADD, Hub, NAME, github_alone};

const WORKFLOW: &str = "name: ci
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - name: sums
      run: COMMAND
";

async fn hub(setup: Setup, command: &str) -> Option<Hub> {
    let workflow = WORKFLOW.replace("COMMAND", command);
    let hub = Hub::new(setup, &[(".github/workflows/ci.yml", &workflow)]).await;
    hub.fake.run_workflows().then_some(hub)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_failing_steps_log_is_fed_back_and_a_green_run_opens_the_pull_request() {
    let mut setup = github_alone(GUESS_THEN_ADD);
    setup.ci_keys.push_str("reruns = 0\n");
    let Some(hub) = hub(setup, "sh test.sh").await else { return };
    let id = hub.start().await;
    let detail = hub.world.ended(id).await;
    let task = &detail.task;
    assert_eq!((task.status, task.attempt_count), (TaskStatus::Success, 2), "{}", task.summary);
    let excerpt = detail.attempts[0].log_excerpt.as_deref().unwrap();
    assert!(excerpt.contains("== `sums` in `test`") && excerpt.contains("2 + 2 is not 3"), "{excerpt}");
    assert!(excerpt.chars().count() <= 4_000 && detail.attempts[1].prompt.contains("2 + 2 is not 3"));
    let run = hub.fake.with(NAME, |repo| {
        repo.runs.iter().find(|run| Some(&run.sha) == task.pushed_sha.as_ref()).map(|run| run.id.to_string())
    });
    assert_eq!(task.ci_run_id, run);
    assert!(task.ci_url.as_deref().unwrap().ends_with(&format!("/actions/runs/{}", run.unwrap())));
    assert!(task.pr_url.is_some() && task.summary.contains("1 check passed"), "{}", task.summary);
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_run_again_before_the_red_counts() {
    let shared = super::folder();
    let mark = outside(&shared).join("ran");
    let command = format!("test -e {0} && sh test.sh || {{ touch {0}; echo unlucky; exit 7; }}", mark.display());
    let Some(hub) = hub(github_alone(ADD), &command).await else { return };
    let id = hub.start().await;
    let detail = hub.world.ended(id).await;
    let attempt = &detail.attempts[0];
    assert_eq!((detail.task.status, detail.attempts.len()), (TaskStatus::Success, 1), "{}", detail.task.summary);
    assert_eq!((attempt.ci_verdict.as_deref(), attempt.flaky), (Some("green"), true));
    assert!(attempt.log_excerpt.as_deref().unwrap().contains("unlucky"));
    hub.fake.with(NAME, |repo| assert!(repo.runs.iter().any(|run| run.attempt == 2)));
    assert!(hub.audited().await.contains(&"ampx.rerun_ci".to_owned()));
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_nothing_runs_again_and_the_red_counts() {
    let mut setup = github_alone(GUESS_THEN_ADD);
    setup.more = "[policy]\n\"ampx.rerun_ci\" = \"deny\"\n".into();
    let Some(hub) = hub(setup, "sh test.sh").await else { return };
    let id = hub.start().await;
    let detail = hub.world.ended(id).await;
    assert_eq!((detail.task.status, detail.attempts.len()), (TaskStatus::Success, 2), "{}", detail.task.summary);
    assert_eq!(detail.attempts[0].ci_verdict.as_deref(), Some("red"));
    assert!(hub.world.log(id).await.contains("opsmith: failed jobs do not run again: "));
    hub.fake.with(NAME, |repo| assert!(repo.runs.iter().all(|run| run.attempt == 1)));
    hub.world.stop().await;
}
