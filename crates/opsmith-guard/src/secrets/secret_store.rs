use std::collections::BTreeMap;

use opsmith_model::Secret;

use super::{LocalSecrets, SecretStoreError, Vault};

/// Where the secrets behind placeholders are kept, by scope: what a placeholder stands for outlives the process.
#[derive(Clone, Debug)]
pub enum SecretStore {
    /// In files of this machine.
    Local(LocalSecrets),
    /// In Vault, one entry per scope below a path.
    Vault {
        /// The Vault.
        vault: Vault,
        /// Mount and path, such as `secret/opsmith/placeholders`.
        below: String,
    },
}

impl SecretStore {
    /// Keeps `secrets` as the whole of `scope`. One process at a time writes a scope.
    pub async fn save(&self, scope: &str, secrets: &BTreeMap<u32, Secret>) -> Result<(), SecretStoreError> {
        check(scope)?;
        match self {
            Self::Local(local) => {
                let (local, name, secrets) = (local.clone(), scope.to_owned(), secrets.clone());
                blocking(scope, move || local.save(&name, &secrets)).await
            }
            Self::Vault { vault, below } => {
                let fields = secrets.iter().map(|(number, secret)| (number.to_string(), secret.clone())).collect();
                Ok(vault.write(&format!("{below}/{scope}"), &fields).await?)
            }
        }
    }

    /// The secrets of `scope`, for [`Placeholders::restore`](super::Placeholders::restore); none where none were kept.
    pub async fn load(&self, scope: &str) -> Result<BTreeMap<u32, Secret>, SecretStoreError> {
        check(scope)?;
        match self {
            Self::Local(local) => {
                let (local, name) = (local.clone(), scope.to_owned());
                blocking(scope, move || local.load(&name)).await
            }
            Self::Vault { vault, below } => {
                let fields = vault.read(&format!("{below}/{scope}")).await?.unwrap_or_default();
                let numbered = fields
                    .into_iter()
                    .map(|(number, value)| Some((number.parse().ok()?, Secret::new(value.as_str()?))));
                numbered.collect::<Option<_>>().ok_or_else(|| SecretStoreError::Foreign { scope: scope.to_owned() })
            }
        }
    }
}

/// Files and ciphers are not for the threads that wait on sockets.
async fn blocking<T: Send + 'static>(
    scope: &str,
    work: impl FnOnce() -> Result<T, SecretStoreError> + Send + 'static,
) -> Result<T, SecretStoreError> {
    let broken_off = |source| SecretStoreError::BrokenOff { scope: scope.to_owned(), source };
    tokio::task::spawn_blocking(work).await.map_err(broken_off)?
}

fn check(scope: &str) -> Result<(), SecretStoreError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=64).contains(&scope.len()) && scope.bytes().all(fits) { Ok(()) } else { Err(SecretStoreError::Scope) }
}
