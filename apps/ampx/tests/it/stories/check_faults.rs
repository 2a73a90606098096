//! Checks that never start, hang, or print what nobody can keep: each has its end, and words for it.

use std::os::unix::fs::PermissionsExt as _;

use ampx::task::{TaskDetail, TaskStatus};
use testkit::repo::TestRepo;
use testkit::tool::tool;

use super::{Setup, WRONG_SUM, World, folder};

const MEND: &str = "echo 'echo $(($1 + $2))' > sum.sh";
const WORKFLOW: &str = "on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - name: sums
      run: ";

/// What comes of one attempt at a repository with these files, by this check.
async fn ends(files: &[(&str, &str)], ci: &str, keys: &str) -> (TaskDetail, String) {
    let setup = Setup {
        ci: ci.to_owned(),
        ci_keys: keys.to_owned(),
        ampx: "max_attempts = 1\n".to_owned(),
        ..Setup::shell(MEND)
    };
    let world = World::with(folder(), TestRepo::new(), &[WRONG_SUM, files].concat(), setup).await;
    let detail = world.done("Make the sum right").await;
    let log = world.log(detail.task.id).await;
    assert!(world.strays().is_empty(), "{:?}", world.strays());
    world.stop().await;
    (detail, log)
}

/// The same by a workflow with this step.
async fn ends_by_workflow(step: &str, keys: &str) -> (TaskDetail, String) {
    ends(&[(".github/workflows/ci.yml", &format!("{WORKFLOW}{step}\n"))], "", keys).await
}

fn reviewed(detail: &TaskDetail) -> &str {
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    assert_eq!(detail.task.pushed_sha, None, "nothing unchecked is pushed");
    &detail.task.summary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_starts_is_a_persons_to_look_at() {
    let (detail, _) = ends(&[], "", "").await;
    assert!(reviewed(&detail).starts_with("no CI: "), "{}", detail.task.summary);
    assert_eq!(detail.attempts[0].ci_verdict.as_deref(), Some("none"));

    let (detail, _) = ends_by_workflow("sh test.sh", "act = \"act-that-nobody-has\"\n").await;
    assert_eq!(reviewed(&detail), "CI cannot run here: `act-that-nobody-has` is not installed");
    assert_eq!(detail.attempts[0].ci_verdict.as_deref(), Some("cannot_run"));

    let programs = folder();
    let silent = programs.path().join("act");
    std::fs::write(&silent, "#!/bin/sh\necho one moment\nsleep 600\n").unwrap();
    std::fs::set_permissions(&silent, std::fs::Permissions::from_mode(0o755)).unwrap();
    let keys = format!("act = \"{}\"\ntimeout_s = 2\n", silent.display());
    let (detail, _) = ends_by_workflow("sh test.sh", &keys).await;
    assert_eq!(reviewed(&detail), "CI cannot run here: ci.yml: act began no job within 2 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_hangs_is_red_and_says_so() {
    let Some(act) = tool("act") else { return };
    let keys = format!("act = \"{}\"\ntimeout_s = 4\n", act.display());
    let (detail, log) = ends_by_workflow("echo at work; sleep 600", &keys).await;
    assert!(reviewed(&detail).contains("`ci.yml` timed out after 4 s"), "{}", detail.task.summary);
    assert_eq!((detail.attempts[0].ci_verdict.as_deref(), detail.pushes_saved), (Some("red"), 1));
    let excerpt = detail.attempts[0].log_excerpt.as_deref().unwrap();
    assert!(excerpt.starts_with("== ci.yml: test: sums\nat work"), "{excerpt}");
    assert!(log.contains("test | at work\n") && !log.contains("checking again"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_workflows_the_red_one_is_run_again() {
    let Some(act) = tool("act") else { return };
    let (good, bad) = (format!("{WORKFLOW}echo all is well\n"), format!("{WORKFLOW}echo broken; exit 1\n"));
    let files = [(".github/workflows/good.yml", good.as_str()), (".github/workflows/bad.yml", &bad)];
    let (detail, log) = ends(&files, "", &format!("act = \"{}\"\n", act.display())).await;
    assert!(reviewed(&detail).contains("`bad.yml: test` failed at `sums`"), "{}", detail.task.summary);
    // Twice the commit and once the base.
    assert_eq!((log.matches("| broken\n").count(), log.matches("| all is well\n").count()), (3, 2), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_of_output_is_cut_and_the_verdict_is_the_true_one() {
    for (exit, status) in [(0, TaskStatus::Success), (3, TaskStatus::NeedsReview)] {
        let line = "0123456789".repeat(8);
        let ci = format!("yes {line} | head -c 1000000000; echo; echo the end; exit {exit}");
        let (detail, log) = ends(&[], &ci, "reruns = 0\n").await;
        assert_eq!(detail.task.status, status, "{}", detail.task.summary);
        // A check keeps 4 MiB; a red commit is followed by its base.
        assert!(log.len() < 10 * 1024 * 1024, "{}", log.len());
        assert!(log.contains("\nthe end\n"));
        if exit == 3 {
            assert!(detail.attempts[0].log_excerpt.as_deref().unwrap().ends_with("\nthe end"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_output_is_kept_as_text() {
    let ci = "head -c 100000 /dev/urandom; printf '\\n\\000\\377the end\\n'; exit 3";
    let (detail, log) = ends(&[], ci, "reruns = 0\n").await;
    assert!(reviewed(&detail).contains("exited with 3"), "{}", detail.task.summary);
    assert!(log.contains("the end\n"));
    let excerpt = detail.attempts[0].log_excerpt.as_deref().unwrap();
    assert!(excerpt.ends_with("the end") && !excerpt.contains('\0'), "{excerpt}");
}
