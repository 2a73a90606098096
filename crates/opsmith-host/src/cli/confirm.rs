use std::io::IsTerminal as _;

use inquire::{Confirm, InquireError};
use opsmith_model::{ErrorKind, Hint};

use super::Globals;
use super::terminal::clean_line;

/// A question that got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// There is no person to ask.
    #[error("this needs a person's yes, and there is no terminal to ask on")]
    NoTerminal,
    /// The terminal failed.
    #[error("failed to ask on the terminal")]
    Terminal(#[source] InquireError),
}

impl Hint for ConfirmError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoTerminal => ErrorKind::ConfirmationRequired,
            Self::Terminal(_) => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some("say yes beforehand with `--yes`".to_owned())
    }
}

/// Asks the person; `--yes` answers, Escape and Ctrl-C mean no, and so does Enter alone.
///
/// Blocks the thread until the answer comes.
pub fn confirm(question: &str, globals: &Globals) -> Result<bool, ConfirmError> {
    if globals.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(ConfirmError::NoTerminal);
    }
    match Confirm::new(&clean_line(question)).with_default(false).prompt() {
        Ok(yes) => Ok(yes),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => Ok(false),
        Err(InquireError::NotTTY) => Err(ConfirmError::NoTerminal),
        Err(error) => Err(ConfirmError::Terminal(error)),
    }
}
