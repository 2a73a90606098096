use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opsmith_model::{ErrorKind, Hint, Secret};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::{KnownSecrets, SecretRef, SecretSetting, Vault, VaultError, sops};

/// What the longest keys and certificates take, several times over.
const LIMIT_KIB: u64 = 16;
/// What a file of many secrets may have.
const SOPS_LIMIT_KIB: u64 = 1024;
/// A folder may be on another machine.
const FILE_TIMEOUT: Duration = Duration::from_secs(10);

type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where secrets are had from when they are needed. Each that is had becomes a known one, so that it is let through nowhere.
#[derive(Clone)]
pub struct Sources {
    known: KnownSecrets,
    environment: Environment,
    vault: Option<Vault>,
    sops_keys: Option<PathBuf>,
}

/// Why a secret could not be had; none of the secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is none.
    #[error("there is no secret at `{reference}`")]
    Absent {
        /// Where it was looked for.
        reference: SecretRef,
    },
    /// What is there cannot be one.
    #[error("what is at `{reference}` is no secret: {reason}")]
    Unfit {
        /// Where it was looked for.
        reference: SecretRef,
        /// Why not.
        reason: &'static str,
    },
    /// The file cannot be read.
    #[error("failed to read the secret at `{reference}`")]
    Read {
        /// Where it was looked for.
        reference: SecretRef,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No Vault is configured.
    #[error("`{reference}` needs a Vault, and none is configured")]
    NoVault {
        /// Where it was to be looked for.
        reference: SecretRef,
    },
    /// No keys for SOPS files are configured.
    #[error("`{reference}` needs age keys for SOPS, and none are configured")]
    NoSopsKeys {
        /// Where it was to be looked for.
        reference: SecretRef,
    },
    /// Vault did not give it.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Sources {
    /// Sources that read variables by `environment`; who reads the environment is the configuration.
    pub fn new(known: KnownSecrets, environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { known, environment: Arc::new(environment), vault: None, sops_keys: None }
    }

    /// Adds a Vault.
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    /// Adds the file of age keys that open SOPS files.
    pub fn with_sops_keys(self, path: PathBuf) -> Self {
        Self { sops_keys: Some(path), ..self }
    }

    /// The list that each secret which is had is on.
    pub fn known(&self) -> &KnownSecrets {
        &self.known
    }

    /// The secret of a setting.
    pub async fn take(&self, setting: &SecretSetting) -> Result<Secret, ResolveError> {
        match setting {
            SecretSetting::Ref(reference) => self.resolve(reference).await,
            SecretSetting::Literal(secret) => {
                self.known.register(secret);
                Ok(secret.clone())
            }
        }
    }

    /// The secret that stands there now, without the line end behind it.
    pub async fn resolve(&self, reference: &SecretRef) -> Result<Secret, ResolveError> {
        let absent = || ResolveError::Absent { reference: reference.clone() };
        let mut text = match reference {
            SecretRef::Env(name) => (self.environment)(name).ok_or_else(absent)?,
            SecretRef::File(path) => secret_text_of(reference, path).await?,
            SecretRef::Sops { path, key } => self.open_sops(reference, path, key).await?,
            SecretRef::Vault { path, field } => {
                let no_vault = || ResolveError::NoVault { reference: reference.clone() };
                let fields = self.vault.as_ref().ok_or_else(no_vault)?.read(path).await?;
                field_of(reference, fields.and_then(|mut fields: BTreeMap<_, _>| fields.remove(field)))?
            }
        };
        let end = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).len());
        text.truncate(end.unwrap_or(text.len()));
        let unfit = |reason| Err(ResolveError::Unfit { reference: reference.clone(), reason });
        if text.trim().is_empty() {
            return unfit("it is empty");
        }
        if text.len() as u64 > LIMIT_KIB * 1024 {
            return unfit("it is more than 16 KiB");
        }
        let secret = Secret::new(text);
        self.known.register(&secret);
        Ok(secret)
    }

    async fn open_sops(&self, reference: &SecretRef, path: &Path, key: &str) -> Result<String, ResolveError> {
        let no_keys = || ResolveError::NoSopsKeys { reference: reference.clone() };
        let keys = secret_text_of(reference, self.sops_keys.as_ref().ok_or_else(no_keys)?).await?;
        let text = text_of(reference, path, SOPS_LIMIT_KIB).await?;
        let value = sops::read(&text, key, &keys);
        let value = value.map_err(|reason| ResolveError::Unfit { reference: reference.clone(), reason })?;
        value.ok_or_else(|| ResolveError::Absent { reference: reference.clone() })
    }
}

/// The text of a file that only we should be able to read.
async fn secret_text_of(reference: &SecretRef, path: &Path) -> Result<String, ResolveError> {
    let text = text_of(reference, path, LIMIT_KIB).await?;
    let mode = tokio::fs::metadata(path).await.map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        tracing::warn!(file.path = %path.display(), file.mode = format!("{mode:o}"), "others can read this secret");
    }
    Ok(text)
}

async fn text_of(reference: &SecretRef, path: &Path, limit_kib: u64) -> Result<String, ResolveError> {
    let unfit = |reason| ResolveError::Unfit { reference: reference.clone(), reason };
    let read = tokio::time::timeout(FILE_TIMEOUT, read_file(path, limit_kib)).await;
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ResolveError::Absent { reference: reference.clone() },
        _ => ResolveError::Read { reference: reference.clone(), source },
    };
    let content = read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(failed)?;
    String::from_utf8(content.ok_or_else(|| unfit("it is no file"))?).map_err(|_| unfit("it is no text"))
}

/// As much of the file as it may have, and what shows that it has more; `None` where it is no file.
async fn read_file(path: &Path, limit_kib: u64) -> io::Result<Option<Vec<u8>>> {
    // Opening a pipe waits for somebody to write.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Ok(None);
    }
    let mut content = Vec::new();
    tokio::fs::File::open(path).await?.take(limit_kib * 1024 + 3).read_to_end(&mut content).await?;
    Ok(Some(content))
}

fn field_of(reference: &SecretRef, value: Option<Value>) -> Result<String, ResolveError> {
    match value {
        None | Some(Value::Null) => Err(ResolveError::Absent { reference: reference.clone() }),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(ResolveError::Unfit { reference: reference.clone(), reason: "the field is neither text nor number" })
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("known", &self.known).field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl Hint for ResolveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Absent { .. } => ErrorKind::NotFound,
            Self::Unfit { .. } | Self::NoVault { .. } | Self::NoSopsKeys { .. } => ErrorKind::Invalid,
            Self::Read { .. } => ErrorKind::Unavailable,
            Self::Vault(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoVault { .. } => Some("give its address and token".to_owned()),
            Self::NoSopsKeys { .. } => Some("name the file of age keys that open it".to_owned()),
            Self::Vault(error) => error.hint(),
            Self::Absent { .. } | Self::Unfit { .. } | Self::Read { .. } => None,
        }
    }
}
