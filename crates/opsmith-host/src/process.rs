//! What every process of opsmith stands on: configuration, store, gate and runs, opened in one way.

use std::path::PathBuf;

use opsmith_guard::secrets::{RuleError, SecretSetting, Secrets, VaultError};
use opsmith_guard::{EffectRule, Guard, Policy, PolicyError, PolicyRule, Verdict};
use opsmith_model::{Clock, ErrorKind, Hint, Principal, Secret};
use opsmith_runs::{Runs, RunsError};
use opsmith_store::{Migrations, Store, StoreError, StoreUrl};
use serde::Deserialize;
use toml::Table;

use crate::config::{Config, ConfigError, Platform, Setting, load, process_env};
use crate::secrets;

/// What the products bring to a process.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue {
    /// Their settings, the platform's among them.
    pub settings: &'static [&'static [Setting]],
    /// The effects they declare.
    pub effects: &'static [&'static [EffectRule]],
    /// Their tables, the platform's first.
    pub migrations: &'static [Migrations],
}

/// The open platform; cheap to clone.
#[derive(Clone, Debug)]
pub struct Process {
    /// The resolved platform settings.
    pub platform: Platform,
    /// The database, its tables up to date.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The gate.
    pub guard: Guard,
    /// The runs.
    pub runs: Runs,
    /// What is done about secrets.
    pub secrets: Secrets,
}

/// Why a process cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The configuration does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The policy does not hold.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The file that `[policy] file` names cannot be read.
    #[error("failed to read the policy file `{}`", path.display())]
    PolicyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A policy that has not the form of one.
    #[error("the policy is not readable: {0}")]
    PolicyForm(String),
    /// The database does not open.
    #[error("failed to open the store `{url}`")]
    Store {
        /// Where it is.
        url: String,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The runs do not open.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// The rules that find secrets do not hold.
    #[error("`[secrets]` does not hold")]
    Rules(#[from] RuleError),
    /// The Vault cannot be one.
    #[error("`[secrets.vault]` does not hold")]
    Vault(#[from] VaultError),
}

impl Hint for ProcessError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Policy(error) => error.kind(),
            Self::PolicyFile { .. } | Self::PolicyForm(_) => ErrorKind::Usage,
            Self::Store { source, .. } => source.kind(),
            Self::Runs(error) => error.kind(),
            Self::Rules(_) => ErrorKind::Usage,
            Self::Vault(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Policy(error) => error.hint(),
            Self::PolicyFile { .. } => Some("check the path after `file` in `[policy]`".to_owned()),
            Self::PolicyForm(_) => {
                Some("write `\"ampx.merge\" = \"confirm\"` or `[[policy.rules]]` with a `decision`".to_owned())
            }
            Self::Store { source, .. } => source.hint(),
            Self::Runs(error) => error.hint(),
            Self::Rules(error) => error.hint(),
            Self::Vault(error) => error.hint(),
        }
    }
}

impl Process {
    /// Opens everything as `config` says.
    pub async fn open(catalogue: &Catalogue, config: &Config) -> Result<Self, ProcessError> {
        let (platform, secrets) = secrets::open(config).await?;
        platform.create_data_dir()?;
        let policy = policy(catalogue, config)?;
        let clock = Clock::system();
        let store = open_store(catalogue, &platform).await?;
        let redactor = secrets.redactor();
        let guard = Guard::new(store.clone(), clock.clone(), policy).redacting(redactor.clone());
        let runs = Runs::open(store.clone(), clock.clone()).await?.redacting(redactor.clone());
        Ok(Self { platform, store, clock, guard, runs, secrets })
    }

    /// The person who runs this process: who asks and confirms where no token says otherwise.
    pub fn local_user() -> Principal {
        let name = ["USER", "LOGNAME"].into_iter().find_map(process_env).filter(|name| !name.is_empty());
        Principal::user(name.unwrap_or_else(|| "local".to_owned()))
    }
}

/// Reads the configuration as this process was started, with `overrides` from its flags.
pub fn load_config(
    catalogue: &Catalogue,
    overrides: &[(&str, String)],
    file: Option<&std::path::Path>,
) -> Result<Config, ConfigError> {
    load(catalogue.settings, overrides, file, &process_env)
}

/// The token that commands send to a server, had from where the configuration says it is.
pub async fn client_token(config: &Config) -> Result<Option<Secret>, ProcessError> {
    const KEY: &str = "client.token";
    match config.get::<Option<SecretSetting>>(KEY)? {
        None => Ok(None),
        Some(SecretSetting::Literal(token)) => Ok(Some(token)),
        Some(SecretSetting::Ref(_)) => {
            secrets::open(config).await?;
            Ok(config.get(KEY)?)
        }
    }
}

async fn open_store(catalogue: &Catalogue, platform: &Platform) -> Result<Store, ProcessError> {
    let url = StoreUrl::parse(platform.store_url.expose());
    let shown = url.as_ref().map(ToString::to_string).unwrap_or_default();
    let failed = |source| ProcessError::Store { url: shown.clone(), source };
    let store = Store::open(url.map_err(failed)?).await.map_err(failed)?;
    store.migrate(catalogue.migrations).await.map_err(failed)?;
    Ok(store)
}

/// The policy of `[policy]` and of the file that it names, over the products' defaults.
pub fn policy(catalogue: &Catalogue, config: &Config) -> Result<Policy, ProcessError> {
    let declared: Vec<EffectRule> =
        catalogue.effects.iter().flat_map(|of_product| of_product.iter().copied()).collect();
    let mut table: Table = config.section("policy")?;
    let mut all = Vec::new();
    if let Some(file) = table.remove("file") {
        let path = PathBuf::from(file.as_str().unwrap_or_default());
        let text =
            std::fs::read_to_string(&path).map_err(|source| ProcessError::PolicyFile { path: path.clone(), source })?;
        let named: Table = toml::from_str(&text).map_err(|e| ProcessError::PolicyForm(e.message().to_owned()))?;
        all.extend(rules(named)?);
    }
    all.extend(rules(table)?);
    Ok(Policy::new(&declared, &all)?)
}

/// Both forms as rules: `rules` as they stand, and every `"effect" = "decision"`.
fn rules(mut table: Table) -> Result<Vec<PolicyRule>, ProcessError> {
    let form = |error: toml::de::Error| ProcessError::PolicyForm(error.message().to_owned());
    let mut rules: Vec<PolicyRule> = match table.remove("rules") {
        Some(written) => Vec::deserialize(written).map_err(form)?,
        None => Vec::new(),
    };
    for (effect, decision) in table {
        let decision = Verdict::deserialize(decision).map_err(form)?;
        rules.push(PolicyRule { effect: Some(effect), decision: Some(decision), ..PolicyRule::default() });
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_rules_are_read_and_others_refused() {
        let text = "\"ampx.merge\" = \"deny\"\n[[rules]]\neffect = \"ampx.push\"\ndecision = \"confirm\"\n";
        let rules_read = rules(toml::from_str(text).unwrap()).unwrap();
        let read: Vec<_> = rules_read.iter().map(|rule| (rule.effect.as_deref().unwrap(), rule.decision)).collect();
        assert_eq!(read, [("ampx.push", Some(Verdict::Confirm)), ("ampx.merge", Some(Verdict::Deny))]);
        for bad in ["\"ampx.merge\" = \"perhaps\"", "rules = 3", "[[rules]]\nefect = \"x\""] {
            assert!(rules(toml::from_str(bad).unwrap()).is_err(), "{bad}");
        }
    }
}
