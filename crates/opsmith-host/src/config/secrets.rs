use std::path::PathBuf;

use opsmith_guard::secrets::{AllowSettings, KnownSecrets, ScanSettings, SecretSetting};
use opsmith_model::Secret;
use serde::Deserialize;

use super::env::process_environment;
use super::{Config, ConfigError};

/// What a variable that holds a secret is called, at its end.
const SECRET_NAMES: [&str; 7] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY"];
/// A shorter value may be a word such as `required`.
const SHORTEST: usize = 8;

/// What is done about secrets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsSettings {
    /// A file of rules beside the built-in ones.
    pub rules: Option<PathBuf>,
    /// Ids of built-in rules that do not count.
    pub disabled: Vec<String>,
    /// What is not a secret after all.
    #[serde(default)]
    pub allow: AllowSettings,
    /// Where what placeholders stand for is kept.
    pub store: SecretStoreKind,
    /// The Vault.
    pub vault: VaultSettings,
    /// The file of age keys that open SOPS files.
    pub sops_keys: Option<PathBuf>,
}

/// Where what placeholders stand for is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretStoreKind {
    /// In encrypted files of the data folder.
    Local,
    /// In Vault.
    Vault,
}

/// The Vault that secrets are had from and kept in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSettings {
    /// Its address; none where there is no Vault.
    pub address: Option<String>,
    /// What it is entered with.
    pub token: Option<SecretSetting>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Mount and path below which placeholders are kept.
    pub path: String,
}

impl SecretsSettings {
    /// Reads the typed values; touches nothing outside.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        config.section("secrets")
    }

    /// What is looked for.
    pub fn scan(&self) -> ScanSettings {
        ScanSettings { rules: self.rules.clone(), disabled: self.disabled.clone(), allow: self.allow.clone() }
    }
}

/// Makes known what the variables hold that are named as secrets are, so that no program's output tells them.
pub(crate) fn register_environment(known: &KnownSecrets) {
    for (name, value) in process_environment() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        if is_secret(name, value) {
            known.register(&Secret::new(value));
        }
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let has = |test: fn(&u8) -> bool| value.bytes().any(|byte| test(&byte));
    // A path to a secret is none.
    let looks = value.len() >= SHORTEST && !value.starts_with('/') && has(u8::is_ascii_digit);
    looks && SECRET_NAMES.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn a_variable_is_a_secret_by_its_name_and_its_looks() {
        for (name, value, secret) in [
            ("GITHUB_TOKEN", "a1b2c3d4e5", true),
            ("openai_api_key", "a1b2c3d4e5", true),
            ("DB_PASSWORD", "hunter2hunter2", true),
            ("DB_PASSWORD", "required", false),
            ("DB_PASSWORD", "a1", false),
            ("ID_TOKEN", "/run/secrets/t0", false),
            ("TOKEN_URL", "https://a1b2c3d4", false),
            ("PATH", "/usr/bin1", false),
        ] {
            assert_eq!(is_secret(name, value), secret, "{name}={value}");
        }
    }
}
