//! Workflows run by the real act.

use std::ffi::OsString;
use std::time::Duration;

use opsmith_forge::ci::{ActCi, Provider, RedReport, Verdict};
use opsmith_sandbox::Preference;
use testkit::tool::tool;

use crate::bench::{Bench, Checked, on_both_sandboxes};

on_both_sandboxes!(
    green_when_every_job_of_the_matrix_and_those_after_it_pass,
    red_tells_the_failing_steps_log_its_annotations_and_nothing_of_the_others,
    the_same_failure_has_the_same_fingerprint,
    what_this_machine_lacks_is_no_failure_of_the_commit,
    a_real_failure_counts_though_another_job_could_not_run,
    a_file_that_is_no_workflow_is_the_commits_doing,
    workflows_for_other_branches_and_events_do_not_run,
    steps_see_no_credentials_and_nothing_of_the_repositorys_env_files,
    acts_own_files_lie_in_the_checks_folder_and_go_with_it,
    of_a_red_commit_what_was_not_green_is_run_again,
    a_workflow_that_never_ends_is_ended_with_all_it_started,
    a_step_that_prints_without_end_does_not_fill_the_memory,
    without_act_ci_cannot_run,
);

/// A bench whose commit has this workflow, and act; `None` where that is not installed.
pub(crate) async fn bench(on: Preference, workflow: &str) -> Option<(Bench, OsString)> {
    bench_of(on, &[("ci.yml", workflow)]).await
}

/// The same with several workflows.
pub(crate) async fn bench_of(on: Preference, workflows: &[(&str, &str)]) -> Option<(Bench, OsString)> {
    let act = tool("act")?;
    let write = |(file, text): &(&str, &str)| format!("cat > .github/workflows/{file} <<'END'\n{text}\nEND\n");
    let script: String = workflows.iter().map(write).collect();
    Some((Bench::new(on, &format!("mkdir -p .github/workflows\n{script}")).await, act.into()))
}

pub(crate) fn act((bench, program): &(Bench, OsString)) -> Provider {
    let (branch, base) = ("amp/fix-1".to_owned(), "main".to_owned());
    Provider::Act(ActCi { program: program.clone(), branch, base, only: Vec::new(), limits: bench.limits.clone() })
}

pub(crate) async fn check_on(desk: &(Bench, OsString)) -> Checked {
    desk.0.check_by(&act(desk)).await
}

pub(crate) async fn check(on: Preference, workflow: &str) -> Option<Checked> {
    Some(check_on(&bench(on, workflow).await?).await)
}

pub(crate) fn job(steps: &str) -> String {
    format!("on: push\njobs:\n  unit:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

async fn green_when_every_job_of_the_matrix_and_those_after_it_pass(on: Preference) {
    let workflow = "on: [push, pull_request]\njobs:\n  unit:\n    runs-on: ubuntu-latest\n    strategy: {matrix: {n: [1, 2]}}\n    \
                    steps:\n    - uses: actions/checkout@v4\n    - run: echo number ${{ matrix.n }}; ls\n  \
                    after:\n    needs: unit\n    runs-on: ubuntu-latest\n    steps: [{run: echo $GITHUB_HEAD_REF}]";
    let Some(checked) = check(on, workflow).await else { return };
    let log = checked.log();
    assert!(log.contains("unit (1) | number 1\n") && log.contains("unit (2) | number 2\n"), "{log}");
    assert!(log.contains("after | amp/fix-1\n"), "{log}");
    assert_eq!(checked.green(), "3 jobs with 5 steps passed by act");
}

async fn red_tells_the_failing_steps_log_its_annotations_and_nothing_of_the_others(on: Preference) {
    let steps = "    - run: echo fine here\n    - run: echo may fail; exit 1\n      continue-on-error: true\n    \
                 - name: tests\n      run: |\n        echo '::error file=a.py,line=3::expected 1'\n        echo broken; exit 4\n    \
                 - run: echo never\n    - run: echo in the end\n      if: always()\n";
    let Some(checked) = check(on, &job(steps)).await else { return };
    let report = checked.red();
    assert_eq!(report.failing, "`ci.yml: unit` failed at `tests`");
    assert_eq!(report.excerpt, "== ci.yml: unit: tests\na.py:3: error: expected 1\nbroken");
}

async fn the_same_failure_has_the_same_fingerprint(on: Preference) {
    let Some(desk) = bench(on, &job("    - run: date +%s%N; pwd; echo broken; exit 1\n")).await else { return };
    let (one, other) = (check_on(&desk).await.red(), check_on(&desk).await.red());
    assert_eq!(one.fingerprint, other.fingerprint, "{one:?}\n{other:?}");
}

async fn what_this_machine_lacks_is_no_failure_of_the_commit(on: Preference) {
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
        let Some(checked) = check(on, &format!("on: push\njobs:\n  a:\n    {what}")).await else { return };
        let reason = checked.cannot_run();
        assert!(reason.contains(says), "{what}: {reason}");
    }
}

async fn a_real_failure_counts_though_another_job_could_not_run(on: Preference) {
    let workflow = "on: push\njobs:\n  win:\n    runs-on: windows-latest\n    steps: [{run: echo}]\n  \
                    unit:\n    runs-on: ubuntu-latest\n    steps: [{run: 'echo broken; exit 1'}]";
    let Some(checked) = check(on, workflow).await else { return };
    assert!(checked.red().failing.starts_with("`ci.yml: unit` failed"));
}

async fn a_file_that_is_no_workflow_is_the_commits_doing(on: Preference) {
    let Some(checked) = check(on, "on: push\njobs:\n  a:\n   b: c\n    d: e").await else { return };
    let report = checked.red();
    assert!(report.failing.starts_with("`ci.yml` is not a workflow: "), "{}", report.failing);
    let Some(checked) = check(on, &job("    - run: echo\n").replace("runs-on", "runs_on")).await else { return };
    let report = checked.red();
    assert!(report.excerpt.contains("Unknown Property runs_on"), "{}", report.excerpt);
}

async fn workflows_for_other_branches_and_events_do_not_run(on: Preference) {
    let steps = "jobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: exit 1}]";
    for event in ["on: {push: {branches: [release]}}", "on: workflow_dispatch", "on: {schedule: [{cron: '0 0 * * *'}]}"]
    {
        let Some(checked) = check(on, &format!("{event}\n{steps}")).await else { return };
        assert_eq!(checked.verdict.unwrap(), Verdict::NoCi, "{event}");
    }
}

async fn steps_see_no_credentials_and_nothing_of_the_repositorys_env_files(on: Preference) {
    let env = "echo LEAK=1 > .env; echo LEAK=2 > .secrets; ";
    let steps =
        "    - run: 'echo \"[$LEAK][${{ secrets.LEAK }}][$GITHUB_TOKEN][$OPSMITH_TEST]\"; ls ~/.ssh ~/.config'\n";
    let Some(act) = tool("act") else { return };
    let script =
        format!("{env}mkdir -p .github/workflows; cat > .github/workflows/ci.yml <<'END'\n{}\nEND", job(steps));
    let checked = check_on(&(Bench::new(on, &script).await, act.into())).await;
    assert!(checked.log().contains("| [][][][]\n"), "{}", checked.log());
}

async fn acts_own_files_lie_in_the_checks_folder_and_go_with_it(on: Preference) {
    let step = "    - run: echo \"home is $HOME\"; ls ~/.cache; test \"$XDG_CACHE_HOME\" = \"\"\n";
    let Some(checked) = check(on, &job(step)).await else { return };
    let log = checked.log();
    assert!(log.contains("| home is ~\n") && log.contains("| act\n"), "{log}");
    checked.green();
}

async fn of_a_red_commit_what_was_not_green_is_run_again(on: Preference) {
    let (good, bad) = (job("    - run: echo all is well\n"), job("    - run: echo broken; exit 1\n"));
    let lacking = "on: push\njobs:\n  win:\n    runs-on: windows-latest\n    steps: [{run: echo}]";
    let workflows = [("bad.yml", bad.as_str()), ("good.yml", &good), ("win.yml", lacking)];
    let Some(desk) = bench_of(on, &workflows).await else { return };
    let checked = check_on(&desk).await;
    assert!(checked.log().contains("all is well"), "{}", checked.log());
    let red = checked.red();
    assert_eq!(red.again, ["bad.yml", "win.yml"]);
    let again = desk.0.check_by(&act(&desk).again(&red)).await;
    assert!(again.log().contains("broken") && !again.log().contains("all is well"), "{}", again.log());
    assert_eq!(again.red(), red);
    // Had the one passed the second time, the other still could not run.
    let lucky = RedReport { again: vec!["good.yml".into(), "win.yml".into()], ..red };
    let again = desk.0.check_by(&act(&desk).again(&lucky)).await;
    assert!(again.cannot_run().contains("windows-latest"));
}

async fn a_workflow_that_never_ends_is_ended_with_all_it_started(on: Preference) {
    let steps = "    - run: echo before\n    - name: hangs\n      run: echo at work; sleep 600 & sleep 600\n";
    let Some(mut desk) = bench(on, &job(steps)).await else { return };
    desk.0.limits.wall = Duration::from_secs(3);
    let report = check_on(&desk).await.red();
    assert_eq!((report.failing.as_str(), report.timed_out), ("`ci.yml` timed out after 3 s", true));
    // act adds that the step was cancelled, where it has the time.
    assert!(report.excerpt.starts_with("== ci.yml: unit: hangs\nat work"), "{}", report.excerpt);
    assert!(!report.excerpt.contains("before") && !report.excerpt.contains("Complete job"), "{}", report.excerpt);
    assert_eq!(desk.0.left().await, 0);
}

async fn a_step_that_prints_without_end_does_not_fill_the_memory(on: Preference) {
    let Some(mut desk) =
        bench(on, &job("    - run: head -c 3000000 /dev/zero | tr '\\0' 'x' | fold; echo; echo last; exit 1\n")).await
    else {
        return;
    };
    desk.0.limits.output_bytes = 100_000;
    let checked = check_on(&desk).await;
    assert!(checked.log.len() < 300_000, "{}", checked.log.len());
    assert!(checked.red().excerpt.ends_with("last"));
}

async fn without_act_ci_cannot_run(on: Preference) {
    let script =
        format!("mkdir -p .github/workflows; printf '%s' '{}' > .github/workflows/ci.yml", job("    - run: echo\n"));
    let checked = check_on(&(Bench::new(on, &script).await, "act-that-nobody-has".into())).await;
    assert_eq!(
        checked.verdict.unwrap(),
        Verdict::CannotRun { reason: "`act-that-nobody-has` is not installed".into() }
    );
}
