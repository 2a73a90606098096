use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use opsmith_forge::ci::{CiError, CiJob, CommandCi, EXCERPT_CHARS, Provider, RedReport, Verdict};
use opsmith_model::{ErrorKind, Hint as _};
use opsmith_sandbox::{Limits, Marker, OutputChunk, Sandbox};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;

/// A desk whose head commit is checked.
pub(crate) struct Bench {
    desk: Desk,
    head: String,
    pub(crate) limits: Limits,
    marker: Marker,
    pub(crate) cancel: CancellationToken,
}

pub(crate) struct Checked {
    pub(crate) verdict: Result<Verdict, CiError>,
    pub(crate) log: Vec<u8>,
}

impl Bench {
    /// Checks the commit of what the agent's script made.
    pub(crate) async fn new(agent: &str) -> Self {
        let desk = Desk::new().await;
        desk.agent(agent);
        let head = desk.commit("change").await;
        let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
        // Another story's desk may have the very same commit.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("ci-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        Self { desk, head, limits, marker, cancel: CancellationToken::new() }
    }

    fn scratch(&self) -> PathBuf {
        self.desk.folder.path().join("ci/1")
    }

    async fn check(&self, command: &str) -> Checked {
        self.check_by(&self.command(command)).await
    }

    fn command(&self, command: &str) -> Provider {
        Provider::Command(CommandCi { command: command.into(), limits: self.limits.clone() })
    }

    pub(crate) async fn check_by(&self, provider: &Provider) -> Checked {
        let (log, mut received) = mpsc::channel(4);
        let collect = async {
            let mut bytes = Vec::new();
            while let Some(OutputChunk { bytes: more, .. }) = received.recv().await {
                bytes.extend(more);
            }
            bytes
        };
        let (verdict, log) = tokio::join!(self.check_into(provider, log), collect);
        assert!(!self.scratch().exists(), "the checkout stays after {provider:?}");
        Checked { verdict, log }
    }

    async fn check_into(&self, provider: &Provider, log: mpsc::Sender<OutputChunk>) -> Result<Verdict, CiError> {
        let sandbox = Sandbox::local(std::env::vars_os()).unwrap();
        let job = CiJob {
            sandbox: &sandbox,
            git: &self.desk.git,
            git_dir: self.desk.workspace.control(),
            sha: &self.head,
            scratch_dir: &self.scratch(),
            marker: self.marker.clone(),
            log,
            cancel: &self.cancel,
        };
        provider.check(job).await
    }
}

impl Checked {
    pub(crate) fn red(self) -> RedReport {
        match self.verdict {
            Ok(Verdict::Red(report)) => report,
            other => panic!("not red: {other:?}"),
        }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }
}

#[tokio::test]
async fn a_command_that_exits_with_zero_is_green_on_the_commit_and_not_the_folder() {
    let bench = Bench::new("echo committed > new; mkdir target; echo stale > target/cache").await;
    bench.desk.agent("echo changed since > new");
    let checked = bench.check("cat new; test ! -e target; git status --porcelain; git log --format=%s -1").await;
    assert_eq!(checked.log().lines().collect::<Vec<_>>(), ["committed", "change"]);
    match checked.verdict.unwrap() {
        Verdict::Green { passed, .. } => {
            assert!(passed.starts_with("`cat new;") && passed.ends_with(" passed"), "{passed}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_command_sees_no_credentials_and_a_home_of_its_own() {
    let bench = Bench::new("true").await;
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

#[tokio::test]
async fn a_red_report_ends_with_what_failed_and_the_same_failure_has_one_fingerprint() {
    let bench = Bench::new(
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

#[tokio::test]
async fn a_command_that_never_ends_is_red_in_time() {
    let mut bench = Bench::new("true").await;
    bench.limits.wall = Duration::from_secs(1);
    let report = bench.check("echo started; sleep 1000").await.red();
    assert_eq!(
        (report.failing.as_str(), report.excerpt.as_str()),
        ("`echo started; sleep 1000` timed out after 1 s", "started")
    );
}

#[tokio::test]
async fn a_runner_that_lacks_the_program_says_nothing_of_the_commit() {
    let bench = Bench::new("printf '#!/no/such/python\\n' > run; chmod +x run; echo true > closed").await;
    for (command, missing) in [
        ("no-such-tool test", "`no-such-tool` is not installed"),
        ("/no/such/tool", "`/no/such/tool` is not installed"),
        ("env no-such-tool", "`no-such-tool` is not installed"),
        ("bash -c no-such-tool", "`no-such-tool` is not installed"),
        ("./run", "`./run` cannot be executed here: is its interpreter installed?"),
    ] {
        let reason = match bench.check(command).await.verdict {
            Ok(Verdict::CannotRun { reason }) => reason,
            other => panic!("{command}: {other:?}"),
        };
        assert_eq!(reason, missing, "{command}");
    }
    for command in ["./deleted.sh", "./closed", "echo 'x: not found'; exit 1", "exit 127"] {
        bench.check(command).await.red();
    }
}

#[tokio::test]
async fn cancelling_ends_the_check_and_leaves_nothing() {
    let bench = Bench::new("true").await;
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

#[tokio::test]
async fn a_hundred_megabytes_of_log_keep_their_beginning_and_their_end() {
    let mut bench = Bench::new("true").await;
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

#[tokio::test]
async fn what_a_killed_check_left_is_in_nobodys_way() {
    let bench = Bench::new("true").await;
    std::fs::create_dir_all(bench.scratch().join("checkout/.git")).unwrap();
    std::fs::write(bench.scratch().join("checkout/stale"), "stale").unwrap();
    assert!(matches!(
        bench.check("test ! -e stale && test -z \"$(git status --porcelain)\"").await.verdict,
        Ok(Verdict::Green { .. })
    ));
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_an_error_and_no_verdict() {
    let mut bench = Bench::new("true").await;
    bench.head = "0123456789012345678901234567890123456789".into();
    let error = bench.check("true").await.verdict.unwrap_err();
    assert!(matches!(error, CiError::Checkout { .. }), "{error:?}");
}

#[tokio::test]
async fn without_a_provider_there_is_no_ci() {
    let bench = Bench::new("true").await;
    let sandbox = Sandbox::local(std::env::vars_os()).unwrap();
    let (log, _received) = mpsc::channel(1);
    let job = CiJob {
        sandbox: &sandbox,
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
