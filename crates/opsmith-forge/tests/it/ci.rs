//! Commands as the check.

use std::time::{Duration, Instant};

use opsmith_forge::ci::{CiError, CiJob, EXCERPT_CHARS, Provider, Verdict};
use opsmith_model::{ErrorKind, Hint as _};
use opsmith_sandbox::Preference;
use tokio::sync::mpsc;

use crate::bench::{Bench, on_both_sandboxes};

on_both_sandboxes!(
    a_command_that_exits_with_zero_is_green_on_the_commit_and_not_the_folder,
    the_command_sees_no_credentials_and_a_home_of_its_own,
    a_red_report_ends_with_what_failed_and_the_same_failure_has_one_fingerprint,
    a_command_that_never_ends_is_red_in_time,
    a_runner_that_lacks_the_program_says_nothing_of_the_commit,
    cancelling_ends_the_check_and_leaves_nothing,
    a_hundred_megabytes_of_log_keep_their_beginning_and_their_end,
    what_a_killed_check_left_is_in_nobodys_way,
    a_commit_that_is_not_there_is_an_error_and_no_verdict,
    without_a_provider_there_is_no_ci,
);

async fn a_command_that_exits_with_zero_is_green_on_the_commit_and_not_the_folder(on: Preference) {
    let bench = Bench::new(on, "echo committed > new; mkdir target; echo stale > target/cache").await;
    bench.desk.agent("echo changed since > new");
    let checked = bench.check("cat new; test ! -e target; git status --porcelain; git log --format=%s -1").await;
    assert_eq!(checked.log().lines().collect::<Vec<_>>(), ["committed", "change"]);
    let passed = checked.green();
    assert!(passed.starts_with("`cat new;") && passed.ends_with(" passed"), "{passed}");
}

async fn the_command_sees_no_credentials_and_a_home_of_its_own(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let checked =
        bench.check("env | cut -d= -f1 | sort; echo ---; ls -A ~ \"$TMPDIR\"; echo $CI; touch ~/x $TMPDIR/y").await;
    let log = checked.log();
    let (names, rest) = log.split_once("---\n").unwrap();
    let known = |name: &str| {
        [
            "CI",
            "GIT_CONFIG_NOSYSTEM",
            "GIT_TERMINAL_PROMPT",
            "HOME",
            "TMPDIR",
            "PATH",
            "PWD",
            "OLDPWD",
            "LANG",
            "TZ",
            "_",
        ]
        .contains(&name)
            || name.starts_with("LC_")
            || name.starts_with("OPSMITH_SANDBOX")
    };
    assert_eq!(names.lines().filter(|name| !known(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(rest.ends_with("true\n") && rest.lines().count() == 4, "the folders are empty: {rest}");
    assert!(matches!(checked.verdict, Ok(Verdict::Green { .. })));
}

async fn a_red_report_ends_with_what_failed_and_the_same_failure_has_one_fingerprint(on: Preference) {
    let bench = Bench::new(
        on,
        "echo 'echo \"assert 4 == 3 in $PWD/cart.py\"; echo \"took $(date +%s%N) in $TMPDIR/$$\" >&2; exit 2' > t.sh",
    )
    .await;
    let first = bench.check("sh t.sh").await.red();
    assert_eq!(first.failing, "`sh t.sh` exited with 2");
    assert!(first.excerpt.starts_with("assert 4 == 3 in cart.py\ntook "), "{}", first.excerpt);
    let second = bench.check("sh t.sh").await.red();
    assert_ne!(first.excerpt, second.excerpt);
    assert_eq!(first.fingerprint, second.fingerprint);
    let other = bench.check("sh t.sh; echo and more; exit 2").await.red();
    assert_ne!(first.fingerprint, other.fingerprint);
}

async fn a_command_that_never_ends_is_red_in_time(on: Preference) {
    let mut bench = Bench::new(on, "true").await;
    bench.limits.wall = Duration::from_secs(1);
    let report = bench.check("echo started; sleep 1000").await.red();
    assert_eq!(
        (report.failing.as_str(), report.excerpt.as_str()),
        ("`echo started; sleep 1000` timed out after 1 s", "started")
    );
    assert!(report.timed_out);
}

async fn a_runner_that_lacks_the_program_says_nothing_of_the_commit(on: Preference) {
    let bench = Bench::new(on, "printf '#!/no/such/python\\n' > run; chmod +x run; echo true > closed").await;
    for (command, missing) in [
        ("no-such-tool test", "`no-such-tool` is not installed"),
        ("/no/such/tool", "`/no/such/tool` is not installed"),
        ("env no-such-tool", "`no-such-tool` is not installed"),
        ("bash -c no-such-tool", "`no-such-tool` is not installed"),
        ("./run", "`./run` cannot be executed here: is its interpreter installed?"),
    ] {
        assert_eq!(bench.check(command).await.cannot_run(), missing, "{command}");
    }
    for command in ["./deleted.sh", "./closed", "echo 'x: not found'; exit 1", "exit 127"] {
        bench.check(command).await.red();
    }
}

async fn cancelling_ends_the_check_and_leaves_nothing(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let (log, mut received) = mpsc::channel(1);
    let started = async {
        received.recv().await.unwrap();
        bench.cancel.cancel();
        Instant::now()
    };
    // Nobody receives the log any more: that holds nothing up either.
    let yes = bench.command("yes");
    let (verdict, asked) = tokio::join!(bench.check_into(&yes, log), started);
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    let error = verdict.unwrap_err();
    assert!(matches!(error, CiError::Cancelled) && error.kind() == ErrorKind::Conflict);
    assert!(!bench.scratch().exists());
    assert!(matches!(bench.check("true").await.verdict, Err(CiError::Cancelled)));
}

async fn a_hundred_megabytes_of_log_keep_their_beginning_and_their_end(on: Preference) {
    let mut bench = Bench::new(on, "true").await;
    bench.limits.output_bytes = 1000;
    let checked = bench
        .check(
            "echo begin; head -c 100000000 /dev/zero | tr '\\0' 'x' | fold -w 80; echo; echo FAILED at the end; exit 1",
        )
        .await;
    let log = checked.log();
    assert!(log.starts_with("begin\nxxx") && log.ends_with("FAILED at the end\n"), "{}", log.len());
    assert!(log.contains(" bytes left out]\n") && log.len() < 70_000, "{}", log.len());
    let report = checked.red();
    assert!(report.excerpt.ends_with("\nFAILED at the end") && report.excerpt.chars().count() <= EXCERPT_CHARS);
}

async fn what_a_killed_check_left_is_in_nobodys_way(on: Preference) {
    let bench = Bench::new(on, "true").await;
    std::fs::create_dir_all(bench.scratch().join("checkout/.git")).unwrap();
    std::fs::write(bench.scratch().join("checkout/stale"), "stale").unwrap();
    assert!(matches!(
        bench.check("test ! -e stale && test -z \"$(git status --porcelain)\"").await.verdict,
        Ok(Verdict::Green { .. })
    ));
}

async fn a_commit_that_is_not_there_is_an_error_and_no_verdict(on: Preference) {
    let mut bench = Bench::new(on, "true").await;
    bench.head = "0123456789012345678901234567890123456789".into();
    let error = bench.check("true").await.verdict.unwrap_err();
    assert!(matches!(error, CiError::Checkout { .. }), "{error:?}");
}

async fn without_a_provider_there_is_no_ci(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let (log, _received) = mpsc::channel(1);
    let job = CiJob {
        sandbox: &bench.sandbox,
        git: &bench.desk.git,
        git_dir: bench.desk.workspace.control(),
        sha: &bench.head,
        scratch_dir: &bench.scratch(),
        marker: bench.marker.clone(),
        log,
        cancel: &bench.cancel,
    };
    assert_eq!(Provider::None.check(job).await.unwrap(), Verdict::NoCi);
}
