use std::fmt;
use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};

/// Why a prompt cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The folder or a file in it cannot be read.
    #[error("prompts in `{}` cannot be read", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The registry is not JSON of the right form.
    #[error("the registry of prompts cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// An entry of the registry does not hold.
    #[error("the registry's entry for prompt `{prompt}` has {what}")]
    BadEntry {
        /// The prompt.
        prompt: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is no such prompt.
    #[error("there is no prompt `{prompt}`")]
    NoSuchPrompt {
        /// The name that was asked for.
        prompt: String,
        /// The one that may be meant.
        nearest: Option<String>,
    },
    /// The file is not what the registry has the digest of.
    #[error("prompt `{prompt}` was changed without a new version")]
    Changed {
        /// The prompt.
        prompt: String,
    },
    /// A variable is missing, of another type, or not the prompt's.
    #[error("variable `{variable}` of prompt `{prompt}` {reason}")]
    Variable {
        /// The prompt.
        prompt: String,
        /// The variable.
        variable: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The template does not do.
    #[error("prompt `{prompt}` cannot be rendered")]
    Template {
        /// The prompt.
        prompt: String,
        /// The template engine's words.
        #[source]
        source: minijinja::Error,
    },
}

impl Hint for PromptError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchPrompt { .. } => ErrorKind::NotFound,
            Self::Changed { .. } => ErrorKind::Conflict,
            Self::Io { .. } => ErrorKind::Failed,
            Self::Unreadable(_) | Self::BadEntry { .. } | Self::Variable { .. } | Self::Template { .. } => {
                ErrorKind::Invalid
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchPrompt { nearest, .. } => nearest.as_ref().map(|near| format!("`{near}` is there")),
            Self::Changed { .. } => Some("add an entry with a higher version to registry.json".to_owned()),
            Self::Io { .. }
            | Self::Unreadable(_)
            | Self::BadEntry { .. }
            | Self::Variable { .. }
            | Self::Template { .. } => None,
        }
    }
}

/// What does not hold between a registry and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptFinding {
    /// The file's digest is not the newest version's.
    Changed {
        /// The prompt.
        prompt: String,
        /// The digest that the file has now.
        sha256: String,
    },
    /// The newest version's file is not there.
    Missing {
        /// The prompt.
        prompt: String,
        /// The file.
        file: String,
    },
    /// A template that no entry names.
    Unlisted {
        /// The file.
        file: String,
    },
    /// The template cannot be parsed.
    Broken {
        /// The prompt.
        prompt: String,
        /// Why not, in one line.
        reason: String,
    },
    /// The template reads a variable that the entry does not declare.
    Undeclared {
        /// The prompt.
        prompt: String,
        /// The variable.
        variable: String,
    },
    /// The entry declares a variable that the template does not read.
    Unused {
        /// The prompt.
        prompt: String,
        /// The variable.
        variable: String,
    },
}

impl fmt::Display for PromptFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { prompt, sha256 } => {
                write!(f, "prompt `{prompt}` was changed without a new version; its SHA-256 is {sha256} now")
            }
            Self::Missing { prompt, file } => write!(f, "prompt `{prompt}` has no file `{file}`"),
            Self::Unlisted { file } => write!(f, "`{file}` is in no entry of registry.json"),
            Self::Broken { prompt, reason } => write!(f, "prompt `{prompt}` is not a template: {reason}"),
            Self::Undeclared { prompt, variable } => {
                write!(f, "prompt `{prompt}` reads `{variable}`, which its entry does not declare")
            }
            Self::Unused { prompt, variable } => {
                write!(f, "prompt `{prompt}` does not read `{variable}`, which its entry declares")
            }
        }
    }
}
