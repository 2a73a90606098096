use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};
use opsmith_sandbox::SandboxError;

/// Why an agent could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No agent of that name is configured.
    #[error("no agent `{0}` is configured")]
    NotConfigured(String),
    /// Its configuration lacks something.
    #[error("agent `{agent}` has no `{key}`")]
    Incomplete {
        /// The agent.
        agent: String,
        /// The missing key.
        key: &'static str,
    },
    /// Its program is not there.
    #[error("the program `{0}` is not found")]
    NoProgram(String),
    /// There is nothing by which it could log in.
    #[error("no login of it is found; {0}")]
    NoLogin(&'static str),
    /// Its model cannot be asked as it is configured.
    #[error("its model cannot be asked: {0}")]
    Model(String),
    /// Its recorded edits cannot be read.
    #[error("failed to read the script `{}`", path.display())]
    Script {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its recorded edits have not the form.
    #[error("the script `{}` is not readable: {reason}", path.display())]
    ScriptForm {
        /// The file.
        path: PathBuf,
        /// The reader's words.
        reason: String,
    },
    /// An edit reaches out of the tree.
    #[error("the edit of `{0}` reaches out of the task's folder")]
    Outside(PathBuf),
    /// A file cannot be written.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The sandbox did not run it.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl Hint for AgentError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotConfigured(_) | Self::Incomplete { .. } | Self::ScriptForm { .. } | Self::Model(_) => {
                ErrorKind::Invalid
            }
            Self::NoProgram(_) | Self::NoLogin(_) | Self::Script { .. } | Self::Outside(_) | Self::Write { .. } => {
                ErrorKind::Failed
            }
            Self::Sandbox(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotConfigured(name) => Some(format!("add `[ampx.agents.{name}]` to opsmith.toml")),
            Self::Incomplete { agent, key } => Some(format!("set `{key}` in `[ampx.agents.{agent}]`")),
            Self::NoProgram(_) => Some("install it, or give its absolute path".to_owned()),
            Self::Script { .. } => Some("check the path after `script`".to_owned()),
            Self::ScriptForm { .. } => Some("write `[[attempt]]` with `[[attempt.edit]]` below".to_owned()),
            Self::NoLogin(_) | Self::Model(_) | Self::Outside(_) | Self::Write { .. } => None,
            Self::Sandbox(error) => error.hint(),
        }
    }
}
