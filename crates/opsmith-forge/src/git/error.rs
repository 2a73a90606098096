use std::io;

use opsmith_guard::PermitMismatch;
use opsmith_model::{ErrorKind, Hint};

use super::SigningError;

/// What went wrong with git.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No `git` in the search path.
    #[error("the program `git` is not installed")]
    NotInstalled,
    /// The remote has no such repository, or hides it.
    #[error("the repository `{repository}` was not found")]
    NotFound {
        /// The remote, without secrets.
        repository: String,
    },
    /// The remote wants credentials that were not there, or refused those it got.
    #[error("the repository `{repository}` refused access")]
    AuthenticationFailed {
        /// The remote, without secrets.
        repository: String,
    },
    /// The key of the remote's host is not known here, or is not the one that is known.
    #[error("the host of `{repository}` is not known, or not the one that was known")]
    UnknownHost {
        /// The remote, without secrets.
        repository: String,
    },
    /// The remote's host does not answer.
    #[error("the repository `{repository}` does not answer")]
    Unreachable {
        /// The remote, without secrets.
        repository: String,
    },
    /// The remote has no commit yet.
    #[error("the repository `{repository}` has no commit")]
    EmptyRepository {
        /// The remote, without secrets.
        repository: String,
    },
    /// The remote's HEAD names no branch, so there is no default one.
    #[error("the repository `{repository}` has no default branch")]
    NoDefaultBranch {
        /// The remote, without secrets.
        repository: String,
    },
    /// A branch, tag or commit that is not there, or a name that cannot be one.
    #[error("there is no `{name}` in the repository")]
    NoSuchRef {
        /// The name as it was asked for.
        name: String,
    },
    /// The remote branch is not where it was when the change was planned.
    #[error("the branch `{branch}` moved: expected {}, seen {}", at(.expected.as_ref()), at(.seen.as_ref()))]
    LeaseLost {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// The commit it had when the change was planned; `None`: it was not there.
        expected: Option<String>,
        /// The commit it has now; `None`: it is not there.
        seen: Option<String>,
    },
    /// The remote is a folder with a work tree that has the branch checked out, and refuses to move it underneath.
    #[error("the branch `{branch}` is checked out in `{repository}`, so git refuses to move it there")]
    CheckedOut {
        /// The remote, without secrets.
        repository: String,
        /// The branch, without `refs/heads/`.
        branch: String,
    },
    /// The two sides changed the same lines.
    #[error("merge conflict in {}", listed(.paths))]
    Conflict {
        /// The paths in conflict, in byte order.
        paths: Vec<String>,
    },
    /// Two commits without a common ancestor.
    #[error("`{head}` shares no history with `{base}`")]
    Unrelated {
        /// The commit that was to be merged.
        head: String,
        /// The commit to merge it into.
        base: String,
    },
    /// Git did not end in its time; its process group is gone.
    #[error("`git {command}` took too long")]
    Timeout {
        /// The subcommand.
        command: String,
    },
    /// The disk is full.
    #[error("no space left on the disk")]
    NoSpace,
    /// Something is larger than its limit.
    #[error("{what} is larger than {limit}")]
    TooLarge {
        /// The thing, with the unit of the limit where it is not bytes.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// Repositories inside the work folder, which a commit would take as submodules without an address.
    #[error("a repository within the repository: {}", listed(.paths))]
    NestedRepository {
        /// Their folders.
        paths: Vec<String>,
    },
    /// A file or process could not be handled.
    #[error("failed to {what}")]
    Io {
        /// What was tried: `create \`x\``.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A commit is to be signed and is not.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The permit is for something else.
    #[error(transparent)]
    Permit(#[from] PermitMismatch),
    /// Any other failure of git.
    #[error("`git {command}` failed: {stderr}")]
    Failed {
        /// The subcommand alone: arguments may be long or private.
        command: String,
        /// The last of what it said, without credentials.
        stderr: String,
    },
}

fn at(sha: Option<&String>) -> String {
    sha.map_or_else(|| "no such branch".to_owned(), |sha| format!("`{sha}`"))
}

/// At most five paths in backticks, then how many more.
fn listed(paths: &[String]) -> String {
    let mut text: Vec<String> = paths.iter().take(5).map(|path| format!("`{path}`")).collect();
    if paths.len() > 5 {
        text.push(format!("{} more", paths.len() - 5));
    }
    text.join(", ")
}

impl GitError {
    /// A failed file operation; a full disk keeps its own name.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io { what: what.into(), source },
        }
    }
}

impl Hint for GitError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoSuchRef { .. } => ErrorKind::NotFound,
            Self::AuthenticationFailed { .. } | Self::UnknownHost { .. } => ErrorKind::Unauthenticated,
            Self::EmptyRepository { .. } | Self::NoDefaultBranch { .. } | Self::NestedRepository { .. } => {
                ErrorKind::Invalid
            }
            Self::LeaseLost { .. } | Self::CheckedOut { .. } | Self::Conflict { .. } | Self::Unrelated { .. } => {
                ErrorKind::Conflict
            }
            Self::NotInstalled | Self::Unreachable { .. } | Self::Timeout { .. } | Self::NoSpace => {
                ErrorKind::Unavailable
            }
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Signing(error) => error.kind(),
            Self::Permit(mismatch) => mismatch.kind(),
            Self::Io { .. } | Self::Failed { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotInstalled => "install git 2.40 or newer and see that it is in PATH",
            Self::NotFound { .. } => "check the address; a private repository also answers so without credentials",
            Self::AuthenticationFailed { .. } => {
                "give git credentials: a credential helper (`git config --global credential.helper …`), GIT_ASKPASS, \
                 or for ssh an agent with the key (`ssh-add -l`)"
            }
            Self::UnknownHost { .. } => {
                "compare the host's key with the one its owner gives, then add it to `~/.ssh/known_hosts` \
                 (`ssh-keyscan`); of a key that changed remove the old one with `ssh-keygen -R <host>`"
            }
            Self::Unreachable { .. } => "check the network, the host name and the proxy variables, then try again",
            Self::EmptyRepository { .. } => "push a first commit to it",
            Self::NoDefaultBranch { .. } => "name the branch to start from with `--base`",
            Self::LeaseLost { .. } => "someone else changed the branch: look at it, then plan the change again",
            Self::CheckedOut { .. } => {
                "check out another branch there, or let git bring a clean work tree along with \
                 `git config receive.denyCurrentBranch updateInstead`, then try again"
            }
            Self::Conflict { .. } => "bring the branch up to date with its base and resolve the conflict there",
            Self::Unrelated { .. } => "make the change again on a branch that starts from its base",
            Self::Timeout { .. } => "try again; for a very large repository allow more time",
            Self::NoSpace => "free some space in the data folder",
            Self::NestedRepository { .. } => "remove the inner `.git` folder or add it as a submodule",
            Self::Signing(error) => return error.hint(),
            Self::Permit(mismatch) => return mismatch.hint(),
            Self::NoSuchRef { .. } | Self::TooLarge { .. } | Self::Io { .. } | Self::Failed { .. } => return None,
        };
        Some(text.to_owned())
    }
}
