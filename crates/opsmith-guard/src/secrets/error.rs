use std::io;
use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};

/// Rules or an allow-list that do not hold.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The file of rules cannot be read.
    #[error("failed to read the rules of `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is larger than any file of rules.
    #[error("the rules of `{path}` are more than {limit_kib} KiB")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it may be.
        limit_kib: u64,
    },
    /// The rules are not TOML of the expected shape.
    #[error("the rules are malformed: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// One rule does not hold.
    #[error("rule `{rule}`: {reason}")]
    Rule {
        /// Its id.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of the allow-list does not hold.
    #[error("`{pattern}` of the allow-list is no pattern: {reason}")]
    Allow {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Hint for RuleError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. } => ErrorKind::NotFound,
            Self::TooLarge { .. } | Self::Malformed { .. } | Self::Rule { .. } | Self::Allow { .. } => {
                ErrorKind::Invalid
            }
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some("`secrets.rules` names the file".to_owned()),
            Self::TooLarge { .. } | Self::Malformed { .. } | Self::Rule { .. } | Self::Allow { .. } => None,
        }
    }
}
