use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use opsmith_model::Secret;
use serde::{Deserialize, Serialize};

/// Where a secret is to be had: `env:NAME`, `file:/path`, `vault:mount/path#field` or `sops:/path#key`. It tells none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file, by its absolute path.
    File(PathBuf),
    /// A field of an entry in Vault's key-value store.
    Vault {
        /// Mount and path.
        path: String,
        /// The field.
        field: String,
    },
    /// A value of a SOPS file, YAML or JSON.
    Sops {
        /// The file, by its absolute path.
        path: PathBuf,
        /// Names and positions on the way to the value, with dots between them.
        key: String,
    },
}

/// A text that is no [`SecretRef`]. It is not repeated, since it may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseSecretRefError {
    /// It does not begin with one of the words.
    #[error("a secret is named by `env:NAME`, `file:/path`, `vault:mount/path#field` or `sops:/path#key`")]
    Scheme,
    /// `env:` without a variable's name behind it.
    #[error("`env:` is followed by the name of a variable")]
    Env,
    /// `file:` without an absolute path behind it.
    #[error("`file:` is followed by an absolute path")]
    File,
    /// `vault:` without a path and a field behind it.
    #[error("`vault:` is followed by mount, path and field, as in `vault:secret/opsmith/github#token`")]
    Vault,
    /// `sops:` without an absolute path and a key behind it.
    #[error("`sops:` is followed by an absolute path and a key, as in `sops:/etc/opsmith/secrets.yaml#github.token`")]
    Sops,
}

impl FromStr for SecretRef {
    type Err = ParseSecretRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once(':').ok_or(ParseSecretRefError::Scheme)?;
        match scheme {
            "env" if is_variable(rest) => Ok(Self::Env(rest.to_owned())),
            "env" => Err(ParseSecretRefError::Env),
            "file" if rest.starts_with('/') && !rest.contains('\0') => Ok(Self::File(PathBuf::from(rest))),
            "file" => Err(ParseSecretRefError::File),
            "vault" => {
                let (path, field) = rest.split_once('#').ok_or(ParseSecretRefError::Vault)?;
                let names = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).count();
                if field.is_empty() || names < 2 || names != path.split('/').count() {
                    return Err(ParseSecretRefError::Vault);
                }
                Ok(Self::Vault { path: path.to_owned(), field: field.to_owned() })
            }
            "sops" => {
                let (path, key) = rest.rsplit_once('#').ok_or(ParseSecretRefError::Sops)?;
                if !path.starts_with('/') || path.contains('\0') || key.split('.').any(str::is_empty) {
                    return Err(ParseSecretRefError::Sops);
                }
                Ok(Self::Sops { path: PathBuf::from(path), key: key.to_owned() })
            }
            _ => Err(ParseSecretRefError::Scheme),
        }
    }
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Vault { path, field } => write!(f, "vault:{path}#{field}"),
            Self::Sops { path, key } => write!(f, "sops:{}#{key}", path.display()),
        }
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> Self {
        reference.to_string()
    }
}

impl TryFrom<String> for SecretRef {
    type Error = ParseSecretRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A secret as a configuration gives it: where it is to be had, or the secret itself. Its Debug shows no secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SecretSetting {
    /// Where it is to be had.
    Ref(SecretRef),
    /// The secret itself.
    Literal(Secret),
}

impl TryFrom<String> for SecretSetting {
    type Error = ParseSecretRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.parse() {
            Ok(reference) => Ok(Self::Ref(reference)),
            Err(ParseSecretRefError::Scheme) => Ok(Self::Literal(Secret::new(text))),
            Err(error) => Err(error),
        }
    }
}
