//! A task and its attempts, and which state may follow which.

use chrono::{DateTime, Utc};
use opsmith_model::{ErrorKind, Hint, Principal, RunId, TaskId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::gates::AttemptFinding;
use crate::merge_options::AutoMerge;
use crate::walls::CommandWalls;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Waiting for a worker.
    Queued,
    /// An agent or its CI is at work.
    Running,
    /// Waiting before the next attempt.
    Retrying,
    /// A person has to look.
    NeedsReview,
    /// The pull request is open and green.
    Success,
    /// Somebody gave it up.
    Aborted,
    /// Something is broken that is not the agent's to mend.
    Error,
}

/// What happens to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEvent {
    /// A worker takes it up.
    Begin,
    /// An attempt was red; the next one waits.
    Retry,
    /// The next attempt begins.
    Attempt,
    /// It stops for a person.
    Review,
    /// It came to its good end.
    Succeed,
    /// It came to a bad end.
    Fail,
    /// Somebody gives it up.
    Abort,
    /// A person sends it on.
    Continue,
    /// A person lets its diff pass.
    Accept,
}

/// An event that the state does not allow.
#[derive(Debug, thiserror::Error)]
#[error("a task that is `{}` cannot {}", .from.as_str(), .event.verb())]
pub struct IllegalTransition {
    /// Where the task stands.
    pub from: TaskStatus,
    /// What was asked of it.
    pub event: TaskEvent,
}

impl Hint for IllegalTransition {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Conflict
    }
}

impl TaskEvent {
    const fn verb(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Retry => "be tried again",
            Self::Attempt => "begin its next attempt",
            Self::Review => "stop for review",
            Self::Succeed => "succeed",
            Self::Fail => "fail",
            Self::Abort => "be aborted",
            Self::Continue => "be continued",
            Self::Accept => "be accepted",
        }
    }
}

impl TaskStatus {
    /// Every status.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Retrying, Self::NeedsReview, Self::Success, Self::Aborted, Self::Error];

    /// The word on the wire and in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::NeedsReview => "needs_review",
            Self::Success => "success",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }

    /// The status of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether a worker has it or will have it.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Retrying)
    }

    /// Whether nothing can follow.
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Success | Self::Aborted)
    }

    /// The status after `event`, by the contract's table.
    pub fn apply(self, event: TaskEvent) -> Result<Self, IllegalTransition> {
        use TaskEvent as E;
        use TaskStatus as S;
        let next = match (self, event) {
            // A run that goes on after a kill begins again.
            (S::Queued | S::Running, E::Begin) | (S::Running | S::Retrying, E::Attempt) => S::Running,
            (S::Running, E::Retry) => S::Retrying,
            (S::Running | S::Retrying, E::Review) => S::NeedsReview,
            (S::Running, E::Succeed) => S::Success,
            (S::Running | S::Retrying, E::Fail) => S::Error,
            (S::Queued | S::Running | S::Retrying | S::NeedsReview | S::Error, E::Abort) => S::Aborted,
            (S::NeedsReview | S::Error, E::Continue) | (S::NeedsReview, E::Accept) => S::Running,
            (from, event) => return Err(IllegalTransition { from, event }),
        };
        Ok(next)
    }
}

/// A task as it is stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its id, a ULID.
    #[schema(value_type = String)]
    pub id: TaskId,
    /// The repository, as it was given.
    pub repo: String,
    /// The branch that the task works on.
    pub branch: String,
    /// The branch it starts from; known once the repository was fetched.
    pub base: Option<String>,
    /// The commit it starts from.
    pub base_sha: Option<String>,
    /// The agent's name in the configuration.
    pub agent: String,
    /// Whether that agent was asked for; else the repository may name another.
    #[serde(skip)]
    pub agent_asked: bool,
    /// The agent's own session.
    pub thread_id: Option<String>,
    /// The latest prompt.
    pub prompt: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// The CI run that decided.
    pub ci_run_id: Option<String>,
    /// Where to see it.
    pub ci_url: Option<String>,
    /// How many attempts there were.
    pub attempt_count: u32,
    /// Why it is where it is, one line.
    pub summary: String,
    /// The pull request.
    pub pr_url: Option<String>,
    /// The branch on the forge's page; none for a plain remote.
    pub branch_url: Option<String>,
    /// The newest commit of the branch that we made.
    pub head_sha: Option<String>,
    /// What the remote's branch was last set to.
    pub pushed_sha: Option<String>,
    /// When it was merged.
    pub merged_at: Option<DateTime<Utc>>,
    /// What it was merged as.
    pub merged_sha: Option<String>,
    /// Merge it as soon as it may be.
    pub auto_merge: Option<AutoMerge>,
    /// How many attempts it may take at a go.
    pub max_attempts: u32,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// Whether edits to tests and CI pass without a person.
    pub allow_test_edits: bool,
    /// Words to find it by.
    pub labels: Vec<String>,
    /// The durable run that has it now.
    #[schema(value_type = Option<String>)]
    pub run_id: Option<RunId>,
    /// Who asked for it.
    #[schema(value_type = Object)]
    pub created_by: Principal,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// One go of the agent and what CI said of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// Its number, from 1, over all goes of the task.
    pub number: u32,
    /// What the agent was asked.
    pub prompt: String,
    /// The commit it made.
    pub head_sha: Option<String>,
    /// The agent's own session that it was made in.
    pub thread_id: Option<String>,
    /// What the agent used.
    pub usage: Usage,
    /// The walls around its agent; absent where none ran, and for attempts from before this was recorded.
    pub agent_walls: Option<CommandWalls>,
    /// The walls around its check, likewise.
    pub check_walls: Option<CommandWalls>,
    /// `green`, `red`, `cannot_run` or `none`; absent while it is not known.
    pub ci_verdict: Option<String>,
    /// Whether it was red at first, and green when the same commit was checked again.
    pub flaky: bool,
    /// Whether its commit was pushed; not known of attempts from before this was recorded.
    pub pushed: Option<bool>,
    /// The end of the log of what failed; of a flaky one, at first.
    pub log_excerpt: Option<String>,
    /// Tells the same failure from another.
    pub fingerprint: Option<String>,
    /// What came of it, one line.
    pub summary: Option<String>,
    /// What the gate found in its change, at most 100: what is held first, then the gravest.
    #[serde(default)]
    pub findings: Vec<AttemptFinding>,
    /// How many findings there are.
    #[serde(default)]
    pub finding_count: u32,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What an agent used; what it did not say is unknown, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: Option<u64>,
    /// Tokens written.
    pub output_tokens: Option<u64>,
    /// US dollars.
    pub cost_usd: Option<f64>,
}

impl Usage {
    /// Known to be nothing.
    pub const ZERO: Self = Self { input_tokens: Some(0), output_tokens: Some(0), cost_usd: Some(0.0) };

    /// Both together; what is unknown of either is unknown of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        Self {
            input_tokens: sum(self.input_tokens, other.input_tokens),
            output_tokens: sum(self.output_tokens, other.output_tokens),
            cost_usd: self.cost_usd.zip(other.cost_usd).map(|(a, b)| a + b),
        }
    }

    /// What has come since `before`; a count that went back says nothing.
    #[must_use]
    pub fn minus(self, before: Self) -> Self {
        let rest = |a: Option<u64>, b: Option<u64>| a?.checked_sub(b?);
        Self {
            input_tokens: rest(self.input_tokens, before.input_tokens),
            output_tokens: rest(self.output_tokens, before.output_tokens),
            cost_usd: self.cost_usd.zip(before.cost_usd).map(|(a, b)| a - b).filter(|rest| *rest >= 0.0),
        }
    }
}

/// A task with its attempts, as one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskDetail {
    /// The task; its fields stand beside `attempts`.
    #[serde(flatten)]
    pub task: Task,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// How many of them were red where they were checked before the push, and so were never pushed.
    pub pushes_saved: u32,
}

impl TaskDetail {
    /// A task and its attempts.
    pub fn new(task: Task, attempts: Vec<Attempt>) -> Self {
        let saved = |attempt: &&Attempt| attempt.ci_verdict.as_deref() == Some("red") && attempt.pushed == Some(false);
        let pushes_saved = u32::try_from(attempts.iter().filter(saved).count()).unwrap_or(u32::MAX);
        Self { task, attempts, pushes_saved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_states_and_events_is_the_contracts() {
        use TaskEvent::*;
        use TaskStatus::*;
        let allowed = [
            (Queued, Begin, Running),
            (Queued, Abort, Aborted),
            (Running, Begin, Running),
            (Running, Attempt, Running),
            (Running, Retry, Retrying),
            (Running, Review, NeedsReview),
            (Running, Succeed, Success),
            (Running, Fail, Error),
            (Running, Abort, Aborted),
            (Retrying, Attempt, Running),
            (Retrying, Review, NeedsReview),
            (Retrying, Fail, Error),
            (Retrying, Abort, Aborted),
            (NeedsReview, Continue, Running),
            (NeedsReview, Accept, Running),
            (NeedsReview, Abort, Aborted),
            (Error, Continue, Running),
            (Error, Abort, Aborted),
        ];
        let events = [Begin, Retry, Attempt, Review, Succeed, Fail, Abort, Continue, Accept];
        for from in TaskStatus::ALL {
            for event in events {
                let expected = allowed.iter().find(|row| row.0 == from && row.1 == event).map(|row| row.2);
                assert_eq!(from.apply(event).ok(), expected, "{from:?} {event:?}");
            }
        }
    }
}
