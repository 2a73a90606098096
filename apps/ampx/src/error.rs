use opsmith_forge::forge::ForgesError;
use opsmith_forge::git::GitError;
use opsmith_forge::github::GitHubError;
use opsmith_guard::{GuardError, Refusal};
use opsmith_model::{ErrorKind, Hint, TaskId};
use opsmith_runs::RunsError;
use opsmith_sandbox::{ParseMarkerError, SandboxError};
use opsmith_store::StoreError;

use crate::task::IllegalTransition;

/// Why something could not be done with a task.
#[derive(Debug, thiserror::Error)]
pub enum AmpxError {
    /// One field of a request does not hold.
    #[error("`{field}` {reason}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What was probably meant.
        hint: Option<String>,
    },
    /// There is no such task.
    #[error("there is no task `{0}`")]
    NoSuchTask(String),
    /// The shortened id fits several tasks.
    #[error("`{id}` fits {count} tasks")]
    Ambiguous {
        /// The shortened id.
        id: String,
        /// How many it fits.
        count: usize,
    },
    /// The same idempotency key came with another request.
    #[error("the idempotency key was used for another request, task `{0}`")]
    KeyReused(TaskId),
    /// The state does not allow it.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// The task is not at the point where this can be done.
    #[error("{message}")]
    NotNow {
        /// What is missing.
        message: String,
        /// What to do first.
        hint: Option<String>,
    },
    /// Only a person can do it.
    #[error("only a person can {what}, and `{principal}` is none")]
    NotAPerson {
        /// What was asked for.
        what: &'static str,
        /// Who asked.
        principal: String,
    },
    /// The gate said no, or asks.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The gate itself could not do it.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Git could not do it.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The forge could not do it.
    #[error(transparent)]
    Forge(#[from] ForgesError),
    /// Runs could not do it.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// A run that was waited for failed.
    #[error("{}", .0.message)]
    Run(opsmith_runs::StepFailure),
    /// Commands could not be run or ended.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A task's processes cannot be told apart.
    #[error(transparent)]
    Marker(#[from] ParseMarkerError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GitHubError> for AmpxError {
    fn from(error: GitHubError) -> Self {
        Self::Forge(error.into())
    }
}

impl AmpxError {
    /// A field that does not hold.
    pub(crate) fn field(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Field { field, reason: reason.into(), hint: None }
    }
}

impl Hint for AmpxError {
    fn kind(&self) -> ErrorKind {
        match self {
            // The words of whoever asks are off, on a command line as in a request.
            Self::Field { .. } => ErrorKind::Usage,
            Self::NoSuchTask(_) => ErrorKind::NotFound,
            Self::Ambiguous { .. } | Self::KeyReused(_) | Self::NotNow { .. } => ErrorKind::Conflict,
            Self::NotAPerson { .. } => ErrorKind::Denied,
            Self::Transition(error) => error.kind(),
            Self::Refused(error) => error.kind(),
            Self::Guard(error) => error.kind(),
            Self::Git(error) => error.kind(),
            Self::Forge(error) => error.kind(),
            Self::Runs(error) => error.kind(),
            Self::Run(failure) => failure.kind,
            Self::Sandbox(error) => error.kind(),
            Self::Marker(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Field { hint, .. } | Self::NotNow { hint, .. } => hint.clone(),
            Self::NoSuchTask(_) => Some("see the tasks with `ampx list --all`".to_owned()),
            Self::Ambiguous { .. } => Some("give more of the id".to_owned()),
            Self::NotAPerson { .. } => Some("have somebody look at it and do it".to_owned()),
            Self::KeyReused(_) => Some("use a new key for a new request".to_owned()),
            Self::Transition(error) => error.hint(),
            Self::Refused(error) => error.hint(),
            Self::Guard(error) => error.hint(),
            Self::Git(error) => error.hint(),
            Self::Forge(error) => error.hint(),
            Self::Runs(error) => error.hint(),
            Self::Run(failure) => failure.hint.clone(),
            Self::Sandbox(error) => error.hint(),
            Self::Marker(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }
}
