//! Runs of workflows, done by act on this machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::progress::{ActLine, Progress};
use super::state::State;
use super::workflow::Workflow;
use super::{merging, runs};

/// Each is several programs.
const AT_ONCE: usize = 2;
/// GitHub lets a job run for six hours; no test waits for that.
const LONGEST: Duration = Duration::from_secs(300);
/// act 0.2.89 stops listening to a step's terminal the moment that its shell fails, and loses its last words; so a
/// failing shell ends a little later.
const LAST_WORDS: &str = "unset BASH_ENV\ntrap '[ $? -eq 0 ] || sleep 1' EXIT\n";

/// What runs workflows.
#[derive(Clone, Debug)]
pub(super) struct Runner {
    act: PathBuf,
    world: Weak<Mutex<State>>,
    turns: Arc<Semaphore>,
    under_way: Arc<Mutex<HashMap<u64, AbortHandle>>>,
}

/// One attempt of a run.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub repository: String,
    pub run_id: u64,
    pub number: u64,
    pub file: String,
    pub workflow: Workflow,
    pub event: String,
    pub branch: String,
    /// Of a pull request: the branch to merge into, and its number.
    pub pull: Option<(String, u64)>,
    /// The commit that was pushed.
    pub sha: String,
    /// The commit that is checked out: of a pull request the one that it would become.
    pub checkout: String,
}

/// act and all that it started; ended when dropped.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

impl Runner {
    pub(super) fn new(act: PathBuf, world: Weak<Mutex<State>>) -> Self {
        Self { act, world, turns: Arc::new(Semaphore::new(AT_ONCE)), under_way: Arc::default() }
    }

    /// Lets an attempt run when there is room.
    pub(super) fn start(&self, runtime: &tokio::runtime::Handle, attempt: Attempt) {
        let (this, run_id) = (self.clone(), attempt.run_id);
        let task = runtime.spawn(async move { this.run(attempt).await });
        self.tasks().insert(run_id, task.abort_handle());
    }

    /// Ends an attempt, with all that it started.
    pub(super) fn cancel(&self, run_id: u64) {
        if let Some(task) = self.tasks().remove(&run_id) {
            task.abort();
        }
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, HashMap<u64, AbortHandle>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, what: impl FnOnce(&mut State) -> T) -> Option<T> {
        let world = self.world.upgrade()?;
        let mut state = world.lock().unwrap_or_else(PoisonError::into_inner);
        Some(what(&mut state))
    }

    async fn run(self, attempt: Attempt) {
        let Ok(_turn) = self.turns.acquire().await else { return };
        let Some((repo, began)) = self.change(|state| runs::begin(state, &attempt)) else { return };
        let (sha, branch, path) = (attempt.checkout.clone(), attempt.branch.clone(), repo.path().to_owned());
        let folder = tokio::task::spawn_blocking(move || check_out(&path, &sha, &branch)).await.expect("a checkout");
        let clock = Elapsed { began, since: Instant::now() };
        let ended = tokio::time::timeout(LONGEST, self.act(&attempt, folder.path(), clock)).await;
        self.change(|state| runs::finish(state, &attempt, clock.now(), ended.is_ok()));
        self.tasks().remove(&attempt.run_id);
        let _ = tokio::task::spawn_blocking(move || drop(folder)).await;
    }

    /// Runs act to its end, and takes in what it says.
    async fn act(&self, attempt: &Attempt, folder: &Path, clock: Elapsed) {
        let mut group = spawn(&self.act, attempt, folder);
        let stdout = group.child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout).lines();
        let mut jobs: HashMap<String, (u64, Progress)> = HashMap::new();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(line) = serde_json::from_str::<ActLine>(&line) else { continue };
            let key = line.job.trim().to_owned();
            let Some(plan) = attempt.workflow.job(&line.job_id).filter(|_| !key.is_empty()) else { continue };
            let now = clock.now();
            if !jobs.contains_key(&key) {
                let name = plan.name_in(&line.matrix);
                // `None`: it has passed in an earlier attempt, and is not run again.
                let Some(Some(id)) = self.change(|state| runs::begin_job(state, attempt, &name, now)) else { continue };
                jobs.insert(key.clone(), (id, Progress::default()));
            }
            let Some((id, progress)) = jobs.get_mut(&key) else { continue };
            progress.take(plan, &line, now);
            self.change(|state| runs::update_job(state, attempt, *id, progress, now));
        }
        let _ = group.child.wait().await;
    }
}

/// The test's clock, and how long the run has taken: a run is real even where the clock stands still.
#[derive(Clone, Copy, Debug)]
struct Elapsed {
    began: DateTime<Utc>,
    since: Instant,
}

impl Elapsed {
    fn now(&self) -> DateTime<Utc> {
        self.began + self.since.elapsed()
    }
}

fn spawn(act: &Path, attempt: &Attempt, folder: &Path) -> Group {
    let given = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::write(&file, text).expect("a file");
        file
    };
    let payload = given("event.json", &payload(attempt));
    let last_words = given("last-words", LAST_WORDS);
    let mut command = Command::new(act);
    command
        .args([attempt.event.as_str(), "--json", "--no-cache-server", "--no-recurse", "-W", attempt.file.as_str()])
        .arg("--eventpath")
        .arg(payload)
        .args(["--env", &format!("BASH_ENV={}", last_words.display())])
        .args(["--env", &format!("GITHUB_RUN_ATTEMPT={}", attempt.number)])
        .args(["--container-daemon-socket", "-", "--use-gitignore=false"]);
    for label in ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "self-hosted", "linux"] {
        command.args(["-P", &format!("{label}=-self-hosted")]);
    }
    command
        .current_dir(folder.join("checkout"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.join("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let child = command.spawn().expect("act starts");
    let leader = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    Group { child, leader }
}

fn payload(attempt: &Attempt) -> String {
    let sha = &attempt.sha;
    match &attempt.pull {
        Some((base, number)) => json!({
            "action": "synchronize",
            "number": number,
            "pull_request": {
                "number": number, "draft": false,
                "head": { "ref": attempt.branch, "sha": sha }, "base": { "ref": base },
            },
        }),
        None => json!({ "ref": format!("refs/heads/{}", attempt.branch), "after": sha }),
    }
    .to_string()
}

/// A folder with a checkout, as the action for that makes one.
fn check_out(repo: &Path, sha: &str, branch: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for part in ["home", "tmp"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
    }
    let checkout = folder.path().join("checkout");
    let (repo, checkout) = (repo.display().to_string(), checkout.display().to_string());
    merging::plain(&["clone", "--quiet", "--shared", "--no-checkout", &repo, &checkout]);
    merging::plain(&["-C", &checkout, "checkout", "--quiet", "-B", branch, sha]);
    folder
}
