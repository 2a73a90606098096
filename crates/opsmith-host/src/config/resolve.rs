use std::collections::BTreeMap;

use opsmith_guard::secrets::{SecretSetting, Sources};
use opsmith_model::Secret;
use reqwest::Url;
use toml::Value;

use super::key::KeyPath;
use super::{Config, ConfigError, Origin, Setting};

/// What stands in the place of references, had once.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) values: BTreeMap<KeyPath, Value>,
    secrets: Vec<Secret>,
}

impl Config {
    /// Has what the references in settings stand for, once; every secret of the settings is known to `sources` then.
    pub async fn resolve_secrets(&self, sources: &Sources) -> Result<(), ConfigError> {
        if let Some(resolved) = self.resolved.get() {
            for secret in &resolved.secrets {
                sources.known().register(secret);
            }
            return Ok(());
        }
        let mut resolved = Resolved::default();
        for (path, entry) in &self.entries {
            let setting = self.settings.iter().find(|setting| setting.matches(path));
            let Some(setting) = setting.filter(|setting| setting.refers) else { continue };
            let mut value = entry.value.clone();
            let mut texts = Vec::new();
            gather(&mut value, &mut texts);
            for text in texts {
                if let Some(secret) = self.take(path, setting, text, sources).await? {
                    secret.expose().clone_into(text);
                    resolved.secrets.push(secret);
                }
                if let Some(password) = password(text) {
                    sources.known().register(&password);
                    resolved.secrets.push(password);
                }
            }
            resolved.values.insert(path.clone(), value);
        }
        // Of two that had them at once, either's will do.
        let _ = self.resolved.set(resolved);
        Ok(())
    }

    /// The secret of one text; none where it is no secret, and no reference to one.
    async fn take(
        &self,
        path: &KeyPath,
        setting: &Setting,
        text: &str,
        sources: &Sources,
    ) -> Result<Option<Secret>, ConfigError> {
        let key = path.to_string();
        let written = SecretSetting::try_from(text.to_owned()).map_err(|error| ConfigError::Invalid {
            key: key.clone(),
            origin: self.entries.get(path).map_or(Origin::Default, |entry| entry.origin.clone()),
            reason: error.to_string(),
        })?;
        match &written {
            SecretSetting::Literal(_) if !setting.secret => Ok(None),
            SecretSetting::Literal(_) | SecretSetting::Ref(_) => self.had(&key, &written, sources).await.map(Some),
        }
    }

    /// The secret of a setting that was read as it is written.
    pub(crate) async fn had(
        &self,
        key: &str,
        written: &SecretSetting,
        sources: &Sources,
    ) -> Result<Secret, ConfigError> {
        sources.take(written).await.map_err(|source| ConfigError::Secret {
            key: key.to_owned(),
            origin: self.origin(key).cloned().unwrap_or(Origin::Default),
            reference: match written {
                SecretSetting::Ref(reference) => reference.to_string(),
                SecretSetting::Literal(_) => "itself".to_owned(),
            },
            source: Box::new(source),
        })
    }
}

/// Where the value of a setting is to be had, if it is written so.
pub(super) fn reference(setting: &Setting, value: &Value) -> Option<String> {
    let text = value.as_str().filter(|_| setting.refers)?;
    match SecretSetting::try_from(text.to_owned()) {
        Ok(SecretSetting::Ref(reference)) => Some(reference.to_string()),
        Ok(SecretSetting::Literal(_)) | Err(_) => None,
    }
}

/// The password in an address, as it stands there.
fn password(address: &str) -> Option<Secret> {
    Url::parse(address).ok()?.password().map(Secret::new)
}

fn gather<'a>(value: &'a mut Value, texts: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| gather(item, texts)),
        Value::Table(table) => table.iter_mut().for_each(|(_, item)| gather(item, texts)),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}
