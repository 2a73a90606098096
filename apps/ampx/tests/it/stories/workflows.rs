//! The repository's own workflows as the check, by the real act.

use ampx::task::TaskStatus;
use testkit::repo::TestRepo;
use testkit::tool::tool;

use super::{Setup, WRONG_SUM, World, folder};

const SCRIPT: &str = r#"
[[attempt]]
say = "first guess"
[[attempt.edit]]
path = "sum.sh"
content = "echo 3\n"
[[attempt]]
say = "the log says it"
[[attempt.edit]]
path = "sum.sh"
content = "echo $(($1 + $2))\n"
"#;

const WORKFLOW: &str = "on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    strategy: {matrix: {shell: [sh, bash]}}
    steps:
    - uses: actions/checkout@v4
    - name: sums
      run: ${{ matrix.shell }} test.sh
";

async fn world(workflow: &str) -> Option<World> {
    let act = tool("act")?;
    let folder = folder();
    let mut setup = Setup::script(folder.path(), SCRIPT);
    setup.ci = String::new();
    setup.ci_keys = format!("act = \"{}\"\n", act.display());
    let files = [WRONG_SUM, &[(".github/workflows/ci.yml", workflow)]].concat();
    Some(World::with(folder, TestRepo::new(), &files, setup).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_workflow_is_fed_back_and_a_green_one_opens_the_pull_request() {
    let Some(world) = world(WORKFLOW).await else { return };
    let task = world.done("Make sum.sh add").await;
    assert_eq!(task.task.status, TaskStatus::Success, "{}", task.task.summary);
    let excerpt = task.attempts[0].log_excerpt.as_deref().unwrap();
    assert!(excerpt.contains("== ci.yml: test (bash): sums") && excerpt.contains("2 + 2 is not 3"), "{excerpt}");
    assert_eq!(task.attempts[1].ci_verdict.as_deref(), Some("green"));
    assert!(task.task.summary.contains("2 jobs with 4 steps passed by act"), "{}", task.task.summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_here_is_a_persons_to_judge() {
    let Some(world) = world(&WORKFLOW.replace("ubuntu-latest", "windows-latest")).await else { return };
    let task = world.done("Make sum.sh add").await.task;
    assert_eq!(task.status, TaskStatus::NeedsReview);
    assert!(task.summary.contains("CI cannot run here") && task.summary.contains("windows-latest"), "{}", task.summary);
    assert_eq!(task.pushed_sha, None, "nothing unchecked is pushed");
}
