//! What a process does about secrets, opened as the configuration says.

use opsmith_guard::secrets::{KnownSecrets, LocalSecrets, Scanner, SecretStore, Secrets, Sources, Vault};

use crate::config::{
    Config, ConfigError, Platform, SecretStoreKind, SecretsSettings, VaultSettings, process_env, register_environment,
};
use crate::process::ProcessError;
use crate::redaction;

const VAULT_ADDRESS: &str = "secrets.vault.address";
const VAULT_TOKEN: &str = "secrets.vault.token";

/// Has the secrets of the settings, and begins to keep them out of what the process says.
pub(crate) async fn open(config: &Config) -> Result<(Platform, Secrets), ProcessError> {
    let settings = SecretsSettings::resolve(config)?;
    let known = KnownSecrets::default();
    register_environment(&known);
    let scanner = Scanner::new(&settings.scan())?;
    let mut sources = Sources::new(known.clone(), process_env);
    if let Some(path) = settings.sops_keys.clone() {
        sources = sources.with_sops_keys(path);
    }
    let vault = vault(config, &settings.vault, &sources).await?;
    if let Some(vault) = &vault {
        sources = sources.with_vault(vault.clone());
    }
    config.resolve_secrets(&sources).await?;
    let platform = Platform::resolve(config)?;
    let store = match (settings.store, vault) {
        (SecretStoreKind::Local, _) => SecretStore::Local(LocalSecrets::new(&platform.data_dir)),
        (SecretStoreKind::Vault, Some(vault)) => SecretStore::Vault { vault, below: settings.vault.path },
        (SecretStoreKind::Vault, None) => return Err(not_set(VAULT_ADDRESS, &["VAULT_ADDR"]).into()),
    };
    let secrets = Secrets::new(scanner, known, store);
    redaction::redact_by(secrets.redactor());
    Ok((platform, secrets))
}

async fn vault(config: &Config, settings: &VaultSettings, sources: &Sources) -> Result<Option<Vault>, ProcessError> {
    let Some(address) = &settings.address else { return Ok(None) };
    let token = settings.token.as_ref().ok_or_else(|| not_set(VAULT_TOKEN, &["VAULT_TOKEN"]))?;
    let token = config.had(VAULT_TOKEN, token, sources).await?;
    Ok(Some(Vault::new(address, &token, settings.namespace.as_deref())?))
}

fn not_set(key: &str, variables: &'static [&'static str]) -> ConfigError {
    ConfigError::NotSet { key: key.to_owned(), variables }
}
