//! Workflows run by the real act.

use std::ffi::OsString;
use std::time::Duration;

use opsmith_forge::ci::{ActCi, Provider, Verdict};
use testkit::tool::tool;

use crate::ci::{Bench, Checked};

/// A bench whose commit has this workflow, and the provider; `None` where act is not installed.
async fn bench(workflow: &str) -> Option<(Bench, OsString)> {
    let act = tool("act")?;
    let script = format!("mkdir -p .github/workflows; cat > .github/workflows/ci.yml <<'END'\n{workflow}\nEND");
    Some((Bench::new(&script).await, act.into()))
}

async fn check_on((bench, program): &(Bench, OsString)) -> Checked {
    let (branch, base) = ("amp/fix-1".to_owned(), "main".to_owned());
    let act = ActCi { program: program.clone(), branch, base, limits: bench.limits.clone() };
    bench.check_by(&Provider::Act(act)).await
}

async fn check(workflow: &str) -> Option<Checked> {
    Some(check_on(&bench(workflow).await?).await)
}

fn job(steps: &str) -> String {
    format!("on: push\njobs:\n  unit:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

#[tokio::test]
async fn green_when_every_job_of_the_matrix_and_those_after_it_pass() {
    let workflow = "on: [push, pull_request]\njobs:\n  unit:\n    runs-on: ubuntu-latest\n    strategy: {matrix: {n: [1, 2]}}\n    \
                    steps:\n    - uses: actions/checkout@v4\n    - run: echo number ${{ matrix.n }}; ls\n  \
                    after:\n    needs: unit\n    runs-on: ubuntu-latest\n    steps: [{run: echo $GITHUB_HEAD_REF}]";
    let Some(checked) = check(workflow).await else { return };
    let log = checked.log();
    assert!(log.contains("unit (1) | number 1\n") && log.contains("unit (2) | number 2\n"), "{log}");
    assert!(log.contains("after | amp/fix-1\n"), "{log}");
    match checked.verdict.unwrap() {
        Verdict::Green { passed, .. } => assert_eq!(passed, "3 jobs with 5 steps passed by act"),
        other => panic!("{other:?}\n{log}"),
    }
}

#[tokio::test]
async fn red_tells_the_failing_steps_log_its_annotations_and_nothing_of_the_others() {
    let steps = "    - run: echo fine here\n    - run: echo may fail; exit 1\n      continue-on-error: true\n    \
                 - name: tests\n      run: |\n        echo '::error file=a.py,line=3::expected 1'\n        echo broken; exit 4\n    \
                 - run: echo never\n    - run: echo in the end\n      if: always()\n";
    let Some(checked) = check(&job(steps)).await else { return };
    let report = checked.red();
    assert_eq!(report.failing, "`ci.yml: unit` failed at `tests`");
    assert_eq!(report.excerpt, "== ci.yml: unit: tests\na.py:3: error: expected 1\nbroken");
}

#[tokio::test]
async fn the_same_failure_has_the_same_fingerprint() {
    let Some(desk) = bench(&job("    - run: date +%s%N; pwd; echo broken; exit 1\n")).await else { return };
    let (one, other) = (check_on(&desk).await.red(), check_on(&desk).await.red());
    assert_eq!(one.fingerprint, other.fingerprint, "{one:?}\n{other:?}");
}

#[tokio::test]
async fn what_this_machine_lacks_is_no_failure_of_the_commit() {
    for (what, says) in [
        ("runs-on: windows-latest\n    steps: [{run: echo}]", "no runner `windows-latest`"),
        (
            "runs-on: ${{ matrix.os }}\n    strategy: {matrix: {os: [macos-latest]}}\n    steps: [{run: exit 1}]",
            "macos-latest",
        ),
        ("runs-on: ubuntu-latest\n    container: debian:12\n    steps: [{run: echo}]", "container"),
        ("runs-on: ubuntu-latest\n    services: {db: {image: postgres}}\n    steps: [{run: exit 1}]", "service `db`"),
        ("runs-on: ubuntu-latest\n    steps: [{uses: 'docker://alpine'}]", "docker"),
        ("runs-on: ubuntu-latest\n    steps: [{uses: 'nobody-has/this-action@v0'}]", "nobody-has/this-action"),
    ] {
        let Some(checked) = check(&format!("on: push\njobs:\n  a:\n    {what}")).await else { return };
        match checked.verdict.unwrap() {
            Verdict::CannotRun { reason } => assert!(reason.contains(says), "{what}: {reason}"),
            other => panic!("{what}: {other:?}\n{}", String::from_utf8_lossy(&checked.log)),
        }
    }
}

#[tokio::test]
async fn a_real_failure_counts_though_another_job_could_not_run() {
    let workflow = "on: push\njobs:\n  win:\n    runs-on: windows-latest\n    steps: [{run: echo}]\n  \
                    unit:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo broken; exit 1'}]";
    let Some(checked) = check(workflow).await else { return };
    assert!(checked.red().failing.starts_with("`ci.yml: unit` failed"));
}

#[tokio::test]
async fn a_file_that_is_no_workflow_is_the_commits_doing() {
    let Some(checked) = check("on: push\njobs:\n  a:\n   b: c\n    d: e").await else { return };
    let report = checked.red();
    assert!(report.failing.starts_with("`ci.yml` is not a workflow: "), "{}", report.failing);
}

#[tokio::test]
async fn workflows_for_other_branches_and_events_do_not_run() {
    let steps = "jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: exit 1}]";
    for on in ["on: {push: {branches: [release]}}", "on: workflow_dispatch", "on: {schedule: [{cron: '0 0 * * *'}]}"] {
        let Some(checked) = check(&format!("{on}\n{steps}")).await else { return };
        assert_eq!(checked.verdict.unwrap(), Verdict::NoCi, "{on}");
    }
}

#[tokio::test]
async fn steps_see_no_credentials_and_nothing_of_the_repositorys_env_files() {
    let env = "echo LEAK=1 > .env; echo LEAK=2 > .secrets; ";
    let steps =
        "    - run: 'echo \"[$LEAK][${{ secrets.LEAK }}][$GITHUB_TOKEN][$OPSMITH_TEST]\"; ls ~/.ssh ~/.config'\n";
    let Some(act) = tool("act") else { return };
    let script =
        format!("{env}mkdir -p .github/workflows; cat > .github/workflows/ci.yml <<'END'\n{}\nEND", job(steps));
    let checked = check_on(&(Bench::new(&script).await, act.into())).await;
    assert!(checked.log().contains("| [][][][]\n"), "{}", checked.log());
}

#[tokio::test]
async fn a_workflow_that_never_ends_is_ended_with_all_it_started() {
    let Some(mut desk) = bench(&job("    - run: sleep 600 & sleep 600\n")).await else { return };
    desk.0.limits.wall = Duration::from_secs(3);
    let report = check_on(&desk).await.red();
    assert_eq!(report.failing, "`ci.yml` timed out after 3 s");
}

#[tokio::test]
async fn a_step_that_prints_without_end_does_not_fill_the_memory() {
    let Some(mut desk) =
        bench(&job("    - run: head -c 3000000 /dev/zero | tr '\\0' 'x' | fold; echo; echo last; exit 1\n")).await
    else {
        return;
    };
    desk.0.limits.output_bytes = 100_000;
    let checked = check_on(&desk).await;
    assert!(checked.log.len() < 300_000, "{}", checked.log.len());
    assert!(checked.red().excerpt.ends_with("last"));
}

#[tokio::test]
async fn without_act_ci_cannot_run() {
    let script =
        format!("mkdir -p .github/workflows; printf '%s' '{}' > .github/workflows/ci.yml", job("    - run: echo\n"));
    let checked = check_on(&(Bench::new(&script).await, "act-that-nobody-has".into())).await;
    assert_eq!(
        checked.verdict.unwrap(),
        Verdict::CannotRun { reason: "`act-that-nobody-has` is not installed".into() }
    );
}
