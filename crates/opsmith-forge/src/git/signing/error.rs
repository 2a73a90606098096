use std::io;

use opsmith_model::{ErrorKind, Hint};

use super::SigningKey;

/// Why a commit is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The program is not in the search path.
    #[error("the program `{program}`, which signs commits, is not installed")]
    NotInstalled {
        /// `gpg` or `ssh-keygen`.
        program: &'static str,
    },
    /// There is no such key, or it may not sign.
    #[error("there is no usable secret key `{key}` to sign commits with")]
    NoKey {
        /// The key as it is configured.
        key: SigningKey,
    },
    /// The key has a passphrase that no agent knows.
    #[error("the key `{key}`, which signs commits, wants a passphrase, and nobody can be asked for it")]
    Locked {
        /// The key as it is configured.
        key: SigningKey,
    },
    /// The program did not come to an end.
    #[error("`{program}` has not signed within {after_s} s")]
    TimedOut {
        /// `gpg` or `ssh-keygen`.
        program: &'static str,
        /// The patience.
        after_s: u64,
    },
    /// Anything else that the program does not like.
    #[error("`{program}` does not sign: {said}")]
    Refused {
        /// `gpg` or `ssh-keygen`.
        program: &'static str,
        /// The last of what it said.
        said: String,
    },
    /// What was just signed does not verify.
    #[error("what the key `{key}` has signed does not verify")]
    Unverified {
        /// The key as it is configured.
        key: SigningKey,
    },
    /// The program could not be run.
    #[error("failed to {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Hint for SigningError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotInstalled { .. } | Self::TimedOut { .. } => ErrorKind::Unavailable,
            Self::NoKey { .. }
            | Self::Locked { .. }
            | Self::Refused { .. }
            | Self::Unverified { .. }
            | Self::Io { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotInstalled { program: "gpg" } => "install GnuPG, or set `git.sign = \"ssh\"` or \"none\"",
            Self::NotInstalled { .. } => "install OpenSSH, or set `git.sign = \"gpg\"` or \"none\"",
            Self::NoKey { key: SigningKey::Gpg(_) } => {
                "set `git.signing_key` to one that `gpg --list-secret-keys` shows for the user who runs opsmith"
            }
            Self::NoKey { key: SigningKey::Ssh(_) } => {
                "set `git.signing_key` to the file of a key; where it is a public one, the agent behind \
                 SSH_AUTH_SOCK must have the other half (`ssh-add -l`)"
            }
            Self::Locked { key: SigningKey::Gpg(_) } => {
                "take a key without passphrase, or have gpg-agent know it beforehand (`gpg-preset-passphrase`)"
            }
            Self::Locked { key: SigningKey::Ssh(_) } => {
                "add it to the ssh-agent (`ssh-add`) and start opsmith with SSH_AUTH_SOCK, or take one without passphrase"
            }
            Self::TimedOut { .. } => "see whether the agent waits for somebody: a window, a card or a touch",
            Self::Refused { .. } => "try it by hand as the user who runs opsmith: `git commit -S --allow-empty`",
            Self::Unverified { .. } => "look whether the key has expired or was revoked",
            Self::Io { .. } => return None,
        };
        Some(text.to_owned())
    }
}
