use std::path::PathBuf;

use opsmith_guard::secrets::ResolveError;
use opsmith_model::{ErrorKind, Hint};

use super::Origin;

/// Configuration that does not hold. No variant carries a value of a secret setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file that was named is not there or cannot be read.
    #[error("failed to read the configuration file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that is not TOML.
    #[error("`{}`, line {line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// A key that nobody declared.
    #[error("unknown key `{key}` ({origin})")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The known key that was probably meant.
        nearest: Option<String>,
    },
    /// A value of another type than the setting's.
    #[error("`{key}` ({origin}) must be {expected}, not {got}")]
    WrongType {
        /// The key.
        key: String,
        /// Where the value was given.
        origin: Origin,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// A `${NAME}` whose variable is not set.
    #[error("`{key}` ({origin}) reads the variable `{variable}`, which is not set")]
    UnsetVariable {
        /// The key.
        key: String,
        /// Where the value was given.
        origin: Origin,
        /// The missing variable.
        variable: String,
    },
    /// A `${` that is not a `${NAME}`.
    #[error("`{key}` ({origin}) has a `${{` that does not begin a `${{NAME}}`")]
    Reference {
        /// The key.
        key: String,
        /// Where the value was given.
        origin: Origin,
    },
    /// A value of the right type that cannot be used.
    #[error("`{key}` ({origin}) is not valid: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// Where the value was given.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// A needed value that nobody gave.
    #[error("`{key}` is not set")]
    NotSet {
        /// The key.
        key: String,
        /// The variables that could set it.
        variables: &'static [&'static str],
    },
    /// A reference that leads to no secret.
    #[error("failed to have the secret of `{key}` ({origin}) from `{reference}`")]
    Secret {
        /// The key.
        key: String,
        /// Where the reference was given.
        origin: Origin,
        /// The reference.
        reference: String,
        /// Why.
        #[source]
        source: Box<ResolveError>,
    },
    /// Code asked for, or declared, a key wrongly.
    #[error("the setting `{key}` is declared wrongly: {reason}")]
    Declaration {
        /// The key.
        key: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The data folder cannot be made.
    #[error("failed to create the data folder `{}`", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Hint for ConfigError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { .. }
            | Self::Syntax { .. }
            | Self::UnknownKey { .. }
            | Self::WrongType { .. }
            | Self::UnsetVariable { .. }
            | Self::Reference { .. }
            | Self::Invalid { .. }
            | Self::NotSet { .. } => ErrorKind::Usage,
            Self::Secret { source, .. } => source.kind(),
            Self::DataDir { .. } => ErrorKind::Failed,
            Self::Declaration { .. } => ErrorKind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::UnsetVariable { variable, .. } => {
                Some(format!("set `{variable}`, or write `$${{` for a literal `${{`"))
            }
            Self::Reference { .. } => Some("write `$${` for a literal `${`".to_owned()),
            Self::NotSet { key, variables: [] } => Some(format!("set `{key}` in opsmith.toml")),
            Self::NotSet { key, variables: [first, ..] } => {
                Some(format!("set `{key}` in opsmith.toml, or the variable `{first}`"))
            }
            Self::DataDir { .. } => Some("name another folder with `data_dir` or `OPSMITH_DATA_DIR`".to_owned()),
            Self::Secret { source, .. } => source.hint(),
            Self::UnknownKey { .. }
            | Self::Read { .. }
            | Self::Syntax { .. }
            | Self::WrongType { .. }
            | Self::Invalid { .. }
            | Self::Declaration { .. } => None,
        }
    }
}
