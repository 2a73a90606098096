use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use opsmith_model::Clock;

use super::app::App;
use super::fault::Faults;
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
    pub violations: Vec<String>,
    pub last_id: u64,
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
    /// What keeps it from being merged: a rule of the branch.
    pub blocked_by: Option<String>,
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
#[derive(Clone, Debug)]
pub struct CheckRun {
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
#[derive(Clone, Debug)]
pub struct Run {
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
#[derive(Clone, Debug)]
pub struct Job {
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
    pub(super) fn follow_branches(&mut self) {
        for pull in self.pulls.iter_mut().filter(|pull| pull.state == PullState::Open) {
            match (self.git.branch_sha(&pull.head), self.git.branch_sha(&pull.base)) {
                (Some(head), Some(_)) => pull.head_sha = head,
                (None, _) | (_, None) => pull.state = PullState::Closed,
            }
        }
    }
}
