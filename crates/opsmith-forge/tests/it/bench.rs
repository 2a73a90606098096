//! What the stories about checks share: a commit, a sandbox, and what comes of a check.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use opsmith_forge::ci::{CiError, CiJob, CommandCi, Provider, RedReport, Verdict};
use opsmith_sandbox::{Access, Limits, Marker, Network, OutputChunk, Preference, Sandbox, Setup};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;

/// Tells each story over the local sandbox and over bubblewrap; where that does not work here, its half says so.
macro_rules! on_both_sandboxes {
    ($($story:ident),+ $(,)?) => {
        mod local {
            $(#[tokio::test]
            async fn $story() {
                super::$story(opsmith_sandbox::Preference::Local).await;
            })+
        }
        mod bubblewrap {
            $(#[tokio::test]
            async fn $story() {
                if crate::bench::sandbox(opsmith_sandbox::Preference::Bubblewrap, Vec::new()).await.is_some() {
                    super::$story(opsmith_sandbox::Preference::Bubblewrap).await;
                }
            })+
        }
    };
}
pub(crate) use on_both_sandboxes;

/// A sandbox that shows nothing of `hidden` and of this user's home; `None` where it does not work here.
#[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
pub(crate) async fn sandbox(preference: Preference, mut hidden: Vec<PathBuf>) -> Option<Sandbox> {
    hidden.extend(std::env::var_os("HOME").map(PathBuf::from));
    let setup = Setup { host_env: std::env::vars_os().collect(), hidden, container: None };
    match Sandbox::choose(preference, setup).await {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// A desk whose head commit is checked.
pub(crate) struct Bench {
    pub(crate) desk: Desk,
    pub(crate) head: String,
    pub(crate) limits: Limits,
    pub(crate) marker: Marker,
    pub(crate) cancel: CancellationToken,
    pub(crate) sandbox: Sandbox,
}

pub(crate) struct Checked {
    pub(crate) verdict: Result<Verdict, CiError>,
    pub(crate) log: Vec<u8>,
}

impl Bench {
    /// Checks the commit of what the agent's script made, without a network where the sandbox can do that.
    pub(crate) async fn new(preference: Preference, agent: &str) -> Self {
        let desk = Desk::new().await;
        desk.agent(agent);
        let head = desk.commit("change").await;
        let limits = Limits { wall: Duration::from_secs(60), ..Limits::default() };
        // Another story's desk may have the very same commit.
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let marker = format!("ci-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        let sandbox = sandbox(preference, vec![desk.folder.path().to_owned()]).await.unwrap();
        Self { desk, head, limits, marker, cancel: CancellationToken::new(), sandbox }.on(Network::Off)
    }

    /// The same for checks that may reach `network`.
    pub(crate) fn on(mut self, network: Network) -> Self {
        self.sandbox = self.sandbox.with_access(Access { network, ..Access::default() });
        self
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.desk.folder.path().join("ci/1")
    }

    pub(crate) async fn check(&self, command: &str) -> Checked {
        self.check_by(&self.command(command)).await
    }

    pub(crate) fn command(&self, command: &str) -> Provider {
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

    pub(crate) async fn check_into(
        &self,
        provider: &Provider,
        log: mpsc::Sender<OutputChunk>,
    ) -> Result<Verdict, CiError> {
        let job = CiJob {
            sandbox: &self.sandbox,
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

    /// How many processes of the check there are.
    pub(crate) async fn left(&self) -> usize {
        self.sandbox.reap(&self.marker).await.unwrap()
    }
}

impl Checked {
    pub(crate) fn red(self) -> RedReport {
        match self.verdict {
            Ok(Verdict::Red(report)) => report,
            other => panic!("not red: {other:?}\n{}", String::from_utf8_lossy(&self.log)),
        }
    }

    /// What passed.
    pub(crate) fn green(self) -> String {
        match self.verdict {
            Ok(Verdict::Green { passed, .. }) => passed,
            other => panic!("not green: {other:?}\n{}", String::from_utf8_lossy(&self.log)),
        }
    }

    /// What it lacks here.
    pub(crate) fn cannot_run(self) -> String {
        match self.verdict {
            Ok(Verdict::CannotRun { reason }) => reason,
            other => panic!("it can run: {other:?}\n{}", String::from_utf8_lossy(&self.log)),
        }
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }
}

/// The most memory that this process has had so far.
pub(crate) fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
