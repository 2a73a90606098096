use opsmith_model::{ErrorKind, Hint, RunId};
use opsmith_store::StoreError;
use serde::{Deserialize, Serialize};

/// Why a step did not do what it was for. It is recorded: a replay fails the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct StepFailure {
    /// What sort of failure this is.
    pub kind: ErrorKind,
    /// What went wrong, one line.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl StepFailure {
    /// A failure from an error of any room: its message, its causes, its kind and its hint.
    pub fn of<E: Hint + std::error::Error>(error: &E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            message.push_str(": ");
            message.push_str(&next.to_string());
            cause = next.source();
        }
        Self { kind: error.kind(), message, hint: error.hint() }
    }
}

impl Hint for StepFailure {
    fn kind(&self) -> ErrorKind {
        self.kind
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// Why a handler stops before its end. Hand it up with `?`; only [`Halt::Failed`] and [`Halt::Cancelled`] may be
/// caught, to tidy up with [`crate::RunContext::final_step`].
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// A step failed.
    #[error(transparent)]
    Failed(#[from] StepFailure),
    /// Somebody cancelled the run.
    #[error("cancelled")]
    Cancelled,
    /// This process may not go on: it shuts down, lost its lease, or cannot reach the journal. The run goes on
    /// elsewhere or later.
    #[error("interrupted: {0}")]
    Interrupted(String),
}

impl Halt {
    /// A failed step, from an error of any room.
    pub fn failed<E: Hint + std::error::Error>(error: &E) -> Self {
        Self::Failed(StepFailure::of(error))
    }
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            // A database that cannot be reached or written says nothing of the step: it is done again when it can.
            ErrorKind::Unavailable => Self::Interrupted(StepFailure::of(&error).message),
            _ => Self::failed(&error),
        }
    }
}

/// Why runs could not be started, read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RunsError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    NoSuchRun(RunId),
    /// The run has ended, so it cannot be cancelled or signalled.
    #[error("run `{0}` has ended")]
    Ended(RunId),
    /// The run has not ended, so it cannot be tried again.
    #[error("run `{0}` has not ended")]
    NotEnded(RunId),
    /// No registered kind is of that queue.
    #[error("there is no queue `{queue}`")]
    NoSuchQueue {
        /// As it was asked for.
        queue: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A schedule that cannot be read.
    #[error("`{cron}` is not a schedule")]
    BadSchedule {
        /// The text as given.
        cron: String,
        /// What the reader says.
        #[source]
        source: durare::Error,
    },
    /// The journal cannot be read or written.
    #[error("the journal of runs does not answer")]
    Journal(#[source] durare::Error),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sea_orm::DbErr> for RunsError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl Hint for RunsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchRun(_) => ErrorKind::NotFound,
            Self::Ended(_) | Self::NotEnded(_) => ErrorKind::Conflict,
            Self::BadSchedule { .. } => ErrorKind::Invalid,
            Self::NoSuchQueue { .. } => ErrorKind::Usage,
            Self::Journal(_) => ErrorKind::Unavailable,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchRun(_) => Some("see the runs with `opsmith runs list`".to_owned()),
            Self::BadSchedule { .. } => Some("write five fields: minute, hour, day, month, weekday".to_owned()),
            Self::NoSuchQueue { known, .. } => Some(format!("the queues are: {}", known.join(", "))),
            Self::Store(error) => error.hint(),
            Self::Ended(_) | Self::NotEnded(_) | Self::Journal(_) => None,
        }
    }
}
