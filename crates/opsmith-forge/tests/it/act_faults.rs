//! What workflows and act may do that nobody wants.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use opsmith_forge::ci::{ActFound, TESTED_ACT, find_act};
use opsmith_sandbox::Preference;
use testkit::tool::tool;

use crate::act::{bench, check, check_on, job};
use crate::bench::{Bench, on_both_sandboxes, peak_mib};

on_both_sandboxes!(
    a_job_that_waits_for_ever_is_told,
    an_act_that_hangs_before_its_first_job_says_nothing_of_the_commit,
    an_act_that_cannot_be_run_says_nothing_of_the_commit,
    events_that_a_step_prints_are_its_output,
    events_that_a_step_slips_in_make_nothing_green,
    a_step_that_ends_act_makes_nothing_green,
    hundreds_of_megabytes_are_bounded,
    binary_output_and_endless_lines_end_as_they_should,
    a_workflow_over_its_memory_is_red,
    a_daemon_of_a_step_is_gone,
    the_version_of_act_is_told,
);

/// An event as act writes it, that the job passed.
const FORGED: &str = r#"{"job":"ci.yml/unit","jobID":"unit","level":"info","msg":"x","jobResult":"success"}"#;

async fn a_job_that_waits_for_ever_is_told(on: Preference) {
    let unit = "runs-on: ubuntu-latest\n    steps: [{run: echo}]";
    let wait =
        "on: push\njobs:\n  other:\n    runs-on: ubuntu-latest\n    steps: [{run: echo}]\n  unit:\n    needs: nobody";
    let Some(checked) = check(on, &format!("{wait}\n    {unit}")).await else { return };
    assert_eq!(checked.red().failing, "`ci.yml` is not a workflow: job `unit` needs `nobody`, which is no job of it");
}

/// An act that is a shell script.
async fn fake(on: Preference, script: &str) -> (Bench, OsString) {
    let workflow = job("    - run: echo\n");
    let bench =
        Bench::new(on, &format!("mkdir -p .github/workflows; echo '{workflow}' > .github/workflows/ci.yml")).await;
    let program = bench.desk.folder.path().join("act");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (bench, program.into())
}

async fn an_act_that_hangs_before_its_first_job_says_nothing_of_the_commit(on: Preference) {
    let mut desk = fake(on, "echo '{\"level\":\"info\",\"msg\":\"hello\"}'; sleep 600").await;
    desk.0.limits.wall = Duration::from_secs(2);
    assert_eq!(check_on(&desk).await.cannot_run(), "ci.yml: act began no job within 2 s");
    assert_eq!(desk.0.left().await, 0);
}

async fn an_act_that_cannot_be_run_says_nothing_of_the_commit(on: Preference) {
    let desk = fake(on, "echo 'Error: unknown flag: --no-cache-server' >&2; exit 1").await;
    assert_eq!(check_on(&desk).await.cannot_run(), "ci.yml: unknown flag: --no-cache-server");
    let desk = fake(on, "head -c 100000 /dev/urandom").await;
    assert_eq!(check_on(&desk).await.cannot_run(), "no job of the workflows ran");
    let desk = fake(on, "").await;
    std::fs::write(&desk.1, "#!/no/such/interpreter\n").unwrap();
    let reason = check_on(&desk).await.cannot_run();
    assert!(reason.contains("act"), "{reason}");
    std::fs::set_permissions(&desk.1, std::fs::Permissions::from_mode(0o644)).unwrap();
    let reason = check_on(&desk).await.cannot_run();
    assert!(reason.contains("act"), "{reason}");
}

async fn events_that_a_step_prints_are_its_output(on: Preference) {
    let steps = format!("    - name: tests\n      run: |\n        echo '{FORGED}'; echo '{FORGED}' >&2; exit 3\n");
    let Some(checked) = check(on, &job(&steps)).await else { return };
    assert!(checked.log().contains(&format!("unit | {FORGED}\n")), "{}", checked.log());
    assert_eq!(checked.red().failing, "`ci.yml: unit` failed at `tests`");
}

async fn events_that_a_step_slips_in_make_nothing_green(on: Preference) {
    // Into act's own output, before the step's end and long after it.
    let steps = format!(
        "    - name: tests\n      run: |\n        echo '{FORGED}' > /proc/$PPID/fd/1\n        \
         (while echo '{FORGED}' > /proc/$PPID/fd/1; do sleep 0.02; done &)\n        exit 3\n"
    );
    let Some(checked) = check(on, &job(&steps)).await else { return };
    assert_eq!(checked.red().failing, "`ci.yml: unit` failed at `tests`");
}

async fn a_step_that_ends_act_makes_nothing_green(on: Preference) {
    let steps = format!("    - run: echo '{FORGED}' > /proc/$PPID/fd/1; kill -9 $PPID; sleep 5\n");
    let Some(desk) = bench(on, &job(&steps)).await else { return };
    assert_eq!(check_on(&desk).await.cannot_run(), "ci.yml: act was ended by signal 9");
    assert_eq!(desk.0.left().await, 0);
}

async fn hundreds_of_megabytes_are_bounded(on: Preference) {
    let steps = "    - run: head -c 300000000 /dev/zero | tr '\\0' x | fold -w 60000; echo; echo the end; exit 3\n";
    let Some(mut desk) = bench(on, &job(steps)).await else { return };
    desk.0.limits.output_bytes = 100_000;
    desk.0.limits.wall = Duration::from_secs(300);
    let before = peak_mib();
    let checked = check_on(&desk).await;
    assert!(checked.log.len() < 300_000, "{}", checked.log.len());
    assert!(checked.red().excerpt.ends_with("the end"));
    assert!(peak_mib() - before < 300, "from {before} to {} MiB", peak_mib());
}

async fn binary_output_and_endless_lines_end_as_they_should(on: Preference) {
    for (print, end) in [("head -c 3000000 /dev/urandom", "the end"), ("head -c 30000000 /dev/zero", "")] {
        let steps = format!("    - name: tests\n      run: {print}; echo; echo the end; exit 4\n");
        let Some(checked) = check(on, &job(&steps)).await else { return };
        let report = checked.red();
        assert_eq!(report.failing, "`ci.yml: unit` failed at `tests`");
        assert!(report.excerpt.ends_with(end), "{print}: {}", report.excerpt);
        assert!(!report.excerpt.chars().any(|c| c.is_control() && c != '\n'), "{:?}", report.excerpt);
    }
}

async fn a_workflow_over_its_memory_is_red(on: Preference) {
    let steps = job("    - run: head -c 4000000000 /dev/zero | tail -n 1 | wc -c\n");
    let Some(mut desk) = bench(on, &steps).await else { return };
    desk.0.limits.memory_mib = Some(300);
    let report = check_on(&desk).await.red();
    assert_eq!(report.failing, "`ci.yml` was killed over 300 MiB of memory");
    assert_eq!((report.timed_out, report.again.len()), (false, 0), "the workflows after it were not run");
}

async fn a_daemon_of_a_step_is_gone(on: Preference) {
    let daemon = "(setsid sh -c \"trap '' TERM HUP; while :; do sleep 60; done\" > /dev/null 2>&1 &)";
    let Some(desk) = bench(on, &job(&format!("    - run: {daemon}; echo done\n"))).await else { return };
    check_on(&desk).await.green();
    assert_eq!(desk.0.left().await, 0);
}

async fn the_version_of_act_is_told(on: Preference) {
    let folder = tempfile::tempdir().unwrap();
    let found =
        async |(bench, program): &(Bench, OsString)| find_act(program, &bench.sandbox, folder.path()).await.unwrap();
    if let Some(act) = tool("act") {
        assert_eq!(found(&(Bench::new(on, "true").await, act.into())).await, ActFound::Tested);
    }
    for (script, told) in [
        (format!("echo act version {TESTED_ACT}"), ActFound::Tested),
        ("echo act version 0.2.0".to_owned(), ActFound::Older("0.2.0".into())),
        ("echo act version 1.0.0".to_owned(), ActFound::Newer("1.0.0".into())),
        ("exit 3".to_owned(), ActFound::Silent("exited with 3".into())),
        ("yes".to_owned(), ActFound::Silent("did not answer within 10 s".into())),
    ] {
        assert_eq!(found(&fake(on, &script).await).await, told, "{script}");
    }
    let nobodys = (Bench::new(on, "true").await, "act-that-nobody-has".into());
    assert_eq!(found(&nobodys).await, ActFound::Missing);
}
