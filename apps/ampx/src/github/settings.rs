use std::io::Read as _;
use std::path::{Path, PathBuf};

use opsmith_forge::github::webhook::Webhooks;
use opsmith_forge::github::{ApiAddress, AppKey, Credentials, GitHub, GitHubError, Patience};
use opsmith_host::config::{Config, ConfigError, Kind, Origin, Setting};
use opsmith_model::{Clock, Secret};
use serde::Deserialize;

const BASE_URL: &str = "github.base_url";
const KEY_PATH: &str = "github.private_key_path";
/// What the longest keys take, several times over.
const MOST_KEY_BYTES: u64 = 16 * 1024;

/// The settings of GitHub; the variables are those that the original read.
pub const SETTINGS: &[Setting] = &[
    Setting::new(BASE_URL, Kind::String, "address of GitHub's API, of an Enterprise server https://HOST/api/v3")
        .default_value("\"https://api.github.com\""),
    Setting::new("github.token", Kind::String, "token for GitHub, where no App is named")
        .env(&["GITHUB_TOKEN"])
        .secret(),
    Setting::new("github.app_id", Kind::String, "id, or client id, of the GitHub App to be").env(&["GITHUB_APP_ID"]),
    Setting::new(KEY_PATH, Kind::String, "file of the App's private key").env(&["GITHUB_PRIVATE_KEY_PATH"]),
    Setting::new("github.webhook_secret", Kind::String, "what GitHub signs its webhooks with")
        .env(&["GITHUB_WEBHOOK_SECRET"])
        .secret(),
];

/// The settings of GitHub, resolved.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitHubSettings {
    base_url: String,
    token: Option<Secret>,
    app_id: Option<String>,
    private_key_path: Option<PathBuf>,
    webhook_secret: Option<Secret>,
}

impl GitHubSettings {
    /// Reads the typed values.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        config.section("github")
    }

    /// The client, where there are credentials; an App stands above a token.
    pub fn client(&self, config: &Config, clock: &Clock) -> Result<Option<GitHub>, ConfigError> {
        let Some(credentials) = self.credentials(config)? else { return Ok(None) };
        let invalid = |error: GitHubError| refuse(config, BASE_URL, error.to_string());
        let address = ApiAddress::parse(&self.base_url).map_err(invalid)?;
        GitHub::new(address, credentials, clock.clone(), Patience::default()).map(Some).map_err(invalid)
    }

    /// The receiver of webhooks, where their secret is set.
    pub fn webhooks(&self, clock: &Clock) -> Option<Webhooks> {
        let secret = self.webhook_secret.as_ref().filter(|secret| !secret.expose().is_empty())?;
        Some(Webhooks::new(secret.clone(), clock.clone()))
    }

    fn credentials(&self, config: &Config) -> Result<Option<Credentials>, ConfigError> {
        let Some(app_id) = self.app_id.as_ref().filter(|id| !id.is_empty()) else {
            let token = self.token.as_ref().filter(|token| !token.expose().is_empty());
            return Ok(token.cloned().map(Credentials::Token));
        };
        let invalid = |reason: String| refuse(config, KEY_PATH, reason);
        let path =
            self.private_key_path.as_deref().ok_or_else(|| invalid("the App has no key without it".to_owned()))?;
        let key = read_key(path).map_err(|error| invalid(format!("`{}` cannot be read: {error}", path.display())))?;
        let key = AppKey::new(app_id.as_str(), &key).map_err(|error| invalid(error.to_string()))?;
        Ok(Some(Credentials::App(key)))
    }
}

fn read_key(path: &Path) -> std::io::Result<Secret> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST_KEY_BYTES).read_to_string(&mut text)?;
    Ok(Secret::new(text))
}

fn refuse(config: &Config, key: &str, reason: String) -> ConfigError {
    let origin = config.origin(key).cloned().unwrap_or(Origin::Default);
    ConfigError::Invalid { key: key.to_owned(), origin, reason }
}
