use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use opsmith_model::{ErrorKind, Hint};
use serde::Serialize;

use super::screen::{Screen, Tone};
use super::terminal::clean;
use crate::causes::causes;

/// The code a process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8);

impl Exit {
    /// All went well.
    pub const OK: Self = Self(0);

    /// A code that a product's contract fixes.
    pub const fn code(code: u8) -> Self {
        Self(code)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        Self(kind.exit_code())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// Why a command failed, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The kind, which fixes the exit code unless a product's contract does.
    #[serde(rename = "error")]
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    #[serde(skip)]
    exit: Option<Exit>,
}

impl Failure {
    /// A failure without causes.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, causes: Vec::new(), exit: None }
    }

    /// Adds what to do next.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends with `exit` instead of the kind's code.
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = Some(exit);
        self
    }

    /// The code to end with.
    pub fn exit(&self) -> Exit {
        self.exit.unwrap_or_else(|| self.kind.into())
    }

    /// The message with what is at the bottom of it, on one line; with `all_causes`, each cause on a line of its own.
    pub(super) fn render(&self, screen: Screen, all_causes: bool) -> String {
        // Lines after the first are indented, so a long message stays one block.
        let block = |text: &str| clean(text.trim_end()).replace('\n', "\n    ");
        let mut text = format!("{} {}", screen.paint(Tone::Bad, "error:"), block(&self.message));
        if all_causes {
            for cause in &self.causes {
                let _ = write!(text, "\n  {} {}", screen.paint(Tone::Dim, "caused by:"), block(cause));
            }
        } else if let Some(root) = self.causes.last().filter(|root| !self.message.contains(root.as_str())) {
            let _ = write!(text, ": {}", block(root));
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  {} {}", screen.paint(Tone::Busy, "hint:"), block(hint));
        }
        text
    }
}

impl<E: Error + Hint> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { kind: error.kind(), message: error.to_string(), hint: error.hint(), causes: causes(&error), exit: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read `x`")]
    struct Outer(#[source] std::io::Error);

    impl Hint for Outer {
        fn kind(&self) -> ErrorKind {
            ErrorKind::Unavailable
        }

        fn hint(&self) -> Option<String> {
            Some("try later".to_owned())
        }
    }

    #[test]
    fn an_error_is_a_line_and_a_hint_and_has_its_causes_where_they_are_asked_for() {
        let mut failure = Failure::new(ErrorKind::Unavailable, "no server").with_hint("start one");
        failure.causes = vec!["error sending request".to_owned(), "refused".to_owned()];
        let screen = Screen::default();
        assert_eq!(failure.render(screen, false), "error: no server: refused\n  hint: start one");
        let all = "error: no server\n  caused by: error sending request\n  caused by: refused\n  hint: start one";
        assert_eq!(failure.render(screen, true), all);
        failure.message = "no server (refused)".to_owned();
        assert_eq!(failure.render(screen, false), "error: no server (refused)\n  hint: start one");
    }

    #[test]
    fn an_error_keeps_its_kind_and_foreign_causes_are_harmless() {
        let failure = Failure::from(Outer(std::io::Error::other("\x1b[2Jdisk\ngone")));
        assert_eq!(
            failure.render(Screen::default(), true),
            "error: failed to read `x`\n  caused by: disk\n    gone\n  hint: try later"
        );
        assert_eq!(failure.exit(), Exit::code(5));
        assert_eq!(failure.clone().with_exit(Exit::code(64)).exit(), Exit::code(64));
        assert_eq!(
            serde_json::to_value(&failure).unwrap(),
            serde_json::json!({
                "error": "unavailable",
                "message": "failed to read `x`",
                "hint": "try later",
                "causes": ["\u{1b}[2Jdisk\ngone"],
            })
        );
    }
}
