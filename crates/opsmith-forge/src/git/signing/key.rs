use std::fmt;
use std::path::PathBuf;

/// Which key signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// One of GnuPG's, by its id, fingerprint or address.
    Gpg(String),
    /// The file of an SSH key, or of its public half where the agent has the other.
    Ssh(PathBuf),
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gpg(id) => f.write_str(id),
            Self::Ssh(file) => file.display().fmt(f),
        }
    }
}
