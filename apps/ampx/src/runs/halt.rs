use opsmith_forge::forge::ForgesError;
use opsmith_forge::local::ForgeError;
use opsmith_guard::{GuardError, Refusal};
use opsmith_runs::{Halt, RunsError};

use crate::AmpxError;

/// What an error means for a run: a database that cannot be reached or written says nothing of the task, so the step
/// is done again when it can; anything else is recorded as the step's failure.
pub(super) fn halt(error: impl Into<AmpxError>) -> Halt {
    match error.into() {
        AmpxError::Store(error)
        | AmpxError::Guard(GuardError::Store(error))
        | AmpxError::Refused(Refusal::Guard(GuardError::Store(error)))
        | AmpxError::Forge(ForgesError::Local(ForgeError::Store(error)))
        | AmpxError::Runs(RunsError::Store(error)) => error.into(),
        error => Halt::failed(&error),
    }
}
