use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use chrono::{DateTime, Utc};
use opsmith_model::Clock;
use tokio::runtime::Handle;

use super::app::App;
use super::description::Description;
use super::fault::Faults;
use super::hooks::Hooks;
use super::limits::Limits;
use super::protection::Protection;
use super::reviews::Review;
use super::runner::Runner;
use super::serve::Request;
use crate::GitHttp;
use crate::repo::TestRepo;

/// All that the fake knows.
#[derive(Debug)]
pub(super) struct State {
    pub clock: Clock,
    /// `http://host:port`, of the API.
    pub api: String,
    /// The host that has the logs.
    pub blobs: String,
    pub git: GitHttp,
    pub repositories: HashMap<String, Repository>,
    pub tokens: HashMap<String, Grant>,
    pub app: Option<App>,
    pub faults: Faults,
    /// By method and template of the route: the permission that is missing.
    pub denied: HashMap<String, String>,
    pub asked: Vec<Request>,
    /// GitHub's description, where it is fetched and anybody wants it held.
    pub description: Option<&'static Description>,
    pub violations: Vec<String>,
    pub last_id: u64,
    /// Whether the App's installation is suspended.
    pub suspended: bool,
    pub limits: Limits,
    /// The status that git is refused with, as in an outage of it alone.
    pub git_down: Option<u16>,
    pub hooks: Hooks,
    /// Whether git asks who it is.
    pub private: bool,
    /// This itself, for what goes on beside requests.
    pub world: Weak<Mutex<State>>,
    pub runtime: Handle,
    /// What runs workflows; without it a test writes what they did.
    pub runner: Option<Runner>,
    /// What reports on every push.
    pub judge: Option<Judge>,
    /// Every push has a workflow that passes at once.
    pub passes: bool,
}

type Says = dyn Fn(&TestRepo, &str) -> &'static str + Send + Sync;

/// What somebody's own CI says of a commit: the word of a status.
#[derive(Clone)]
pub(super) struct Judge(pub Arc<Says>);

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge")
    }
}

/// Whom a token stands for, and until when.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub login: String,
    pub ends_at: Option<DateTime<Utc>>,
}

impl State {
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A repository by its owner and name, whatever the case.
    pub(super) fn repository(&mut self, owner: &str, name: &str) -> Option<&mut Repository> {
        self.repositories.get_mut(&format!("{owner}/{name}").to_lowercase())
    }
}

/// A repository; a test may change all of it.
#[derive(Debug)]
pub struct Repository {
    /// Its id.
    pub id: u64,
    /// The user or organization.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// The real repository.
    pub git: Arc<TestRepo>,
    /// Whether it can only be read.
    pub archived: bool,
    /// The rules of branches by their names.
    pub protected: HashMap<String, Protection>,
    /// The branches when they were looked at last; nobody looks before somebody wants to know.
    pub(super) seen: Option<BTreeMap<String, String>>,
    /// `http://host:port/owner/name`.
    pub page: String,
    /// Where it is now; the old name redirects.
    pub renamed_to: Option<String>,
    /// Of `merge`, `squash` and `rebase`.
    pub methods: Vec<&'static str>,
    /// Whether a pull request may be merged by itself.
    pub auto_merge: bool,
    /// Who can be asked for a review: logins, and slugs of teams.
    pub reviewers: Vec<String>,
    /// Pull requests, oldest first.
    pub pulls: Vec<Pull>,
    /// Issues, oldest first.
    pub issues: Vec<Issue>,
    /// Labels of issues and pull requests by number.
    pub labels: HashMap<u64, Vec<String>>,
    /// Comments on issues and pull requests: number, id, text.
    pub comments: Vec<(u64, u64, String)>,
    /// Statuses of commits, oldest first.
    pub statuses: Vec<Status>,
    /// Check runs of commits.
    pub check_runs: Vec<CheckRun>,
    /// Runs of workflows.
    pub runs: Vec<Run>,
    /// Jobs of runs.
    pub jobs: Vec<Job>,
}

/// Where a [`Pull`] stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullState {
    /// It can be merged.
    Open,
    /// It was given up.
    Closed,
    /// It became this commit.
    Merged(String),
}

/// A pull request.
#[derive(Clone, Debug)]
pub struct Pull {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The branch to be merged.
    pub head: String,
    /// The commit that it has; follows the branch while it is open.
    pub head_sha: String,
    /// The branch to merge into.
    pub base: String,
    /// Where it stands.
    pub state: PullState,
    /// Who opened it.
    pub author: String,
    /// Logins, and slugs of teams with a leading `@`.
    pub requested: Vec<String>,
    /// How often it is looked at before GitHub knows whether it merges.
    pub looks_until_known: u32,
    /// What keeps it from being merged, in GitHub's words, beside the rules of its base.
    pub blocked_by: Option<String>,
    /// What people say of it, oldest first.
    pub reviews: Vec<Review>,
    /// The method it is to be merged by as soon as it may.
    pub auto_merge: Option<String>,
}

/// An issue.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Whether it is open.
    pub open: bool,
}

/// A status of a commit.
#[derive(Clone, Debug)]
pub struct Status {
    /// The commit.
    pub sha: String,
    /// Who reports; the newest of each counts.
    pub context: String,
    /// `success`, `failure`, `error` or `pending`.
    pub state: String,
}

/// A check run.
#[derive(Clone, Debug, Default)]
pub struct CheckRun {
    /// Its suite, within which a later one of the same name counts in place of this; 0: one of its own.
    pub suite_id: u64,
    /// When it began and ended; now, where it is not told.
    pub times: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Its id; that of the job where it is one.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// Its name.
    pub name: String,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// How it ended.
    pub conclusion: Option<String>,
    /// The App's slug.
    pub app: String,
}

/// A run of a workflow.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The branch; `main` where it is not told.
    pub branch: String,
    /// `push`, where it is not told, or `pull_request`.
    pub event: String,
    /// The workflow's file; `.github/workflows/ci.yml` where it is not told.
    pub path: String,
    /// How many runs of this workflow there are up to this one.
    pub number: u64,
    /// The suite of its jobs' check runs.
    pub suite_id: u64,
    /// Its id.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The workflow's name.
    pub name: String,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// How it ended.
    pub conclusion: Option<String>,
    /// Which attempt this is.
    pub attempt: u64,
}

/// A job of a run.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The attempt of the run that it is of; 1 where it is not told.
    pub attempt: u64,
    /// Whether it still waits for its turn.
    pub queued: bool,
    /// When it began and ended; now, where it is not told.
    pub times: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Its id.
    pub id: u64,
    /// Its run.
    pub run_id: u64,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub conclusion: Option<String>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// What it wrote.
    pub log: String,
}

/// A step of a job.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub conclusion: String,
    /// When it began and ended.
    pub times: (DateTime<Utc>, DateTime<Utc>),
}

impl Repository {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The pull request of that number.
    pub fn pull(&mut self, number: u64) -> Option<&mut Pull> {
        self.pulls.iter_mut().find(|pull| pull.number == number)
    }

    /// The next number: issues and pull requests share them.
    pub fn next_number(&self) -> u64 {
        let numbers = self.pulls.iter().map(|pull| pull.number).chain(self.issues.iter().map(|issue| issue.number));
        numbers.max().unwrap_or(0) + 1
    }

    /// Does to open pull requests what GitHub does when branches move or go.
    pub(super) fn follow(&mut self, branches: &BTreeMap<String, String>) {
        for pull in self.pulls.iter_mut().filter(|pull| pull.state == PullState::Open) {
            match (branches.get(&pull.head), branches.get(&pull.base)) {
                (Some(head), Some(_)) => pull.head_sha.clone_from(head),
                (None, _) | (_, None) => pull.state = PullState::Closed,
            }
        }
    }
}
