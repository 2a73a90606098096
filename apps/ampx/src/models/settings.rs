use std::path::PathBuf;

use opsmith_host::config::{Config, ConfigError, Kind, Origin, Setting};
use opsmith_llm::{Limits, Rate, Timeouts, Usd};
use opsmith_model::Secret;
use serde::Deserialize;

/// The settings of models that are asked from here.
pub const SETTINGS: &[Setting] = &[
    Setting::new("llm.requests_per_minute", Kind::Integer, "requests to models in a minute, all tasks together"),
    Setting::new("llm.tokens_per_minute", Kind::Integer, "tokens that models read and write in a minute, likewise"),
    Setting::new("llm.budget_usd_per_run", Kind::Float, "what the models of one task may cost, in US dollars"),
    Setting::new("llm.budget_usd_per_day", Kind::Float, "what those of all tasks may cost in a day of UTC"),
    Setting::new("llm.budget_tokens_per_run", Kind::Integer, "tokens that the models of one task may read and write"),
    Setting::new("llm.budget_tokens_per_day", Kind::Integer, "those of all tasks in a day of UTC"),
    Setting::new("llm.cache", Kind::String, "where answers are kept for the same question: none, store or redis")
        .default_value("\"none\""),
    Setting::new("llm.redis_url", Kind::String, "the Redis of cache `redis`: redis://HOST:6379/0")
        .env(&["REDIS_URL"])
        .secret(),
    Setting::new("llm.prices", Kind::String, "file of prices that stand above those of this build"),
    Setting::new("llm.record", Kind::String, "file to record the answers of models to, for tests"),
    Setting::new("llm.replay", Kind::String, "recorded file to answer from; no model is asked"),
    Setting::new("llm.first_byte_timeout_s", Kind::Seconds, "until a model begins to answer").default_value("180"),
    Setting::new("llm.idle_timeout_s", Kind::Seconds, "between two pieces of an answer").default_value("300"),
    Setting::new("llm.timeout_s", Kind::Seconds, "for a whole answer").default_value("1800"),
];

/// The settings of models, resolved.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmSettings {
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    budget_usd_per_run: Option<f64>,
    budget_usd_per_day: Option<f64>,
    budget_tokens_per_run: Option<u64>,
    budget_tokens_per_day: Option<u64>,
    /// Where answers are kept.
    pub cache: CacheKind,
    pub(super) redis_url: Option<Secret>,
    pub(super) prices: Option<PathBuf>,
    pub(super) record: Option<PathBuf>,
    pub(super) replay: Option<PathBuf>,
    first_byte_timeout_s: u64,
    idle_timeout_s: u64,
    timeout_s: u64,
}

/// Where answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheKind {
    /// Nowhere.
    None,
    /// In the database.
    Store,
    /// In Redis.
    Redis,
}

impl LlmSettings {
    /// Reads the typed values.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        let settings: Self = config.section("llm")?;
        for (key, usd) in [
            ("llm.budget_usd_per_run", settings.budget_usd_per_run),
            ("llm.budget_usd_per_day", settings.budget_usd_per_day),
        ] {
            if usd.is_some_and(|usd| Usd::from_f64(usd).is_none_or(|usd| usd < Usd::default())) {
                return Err(refuse(config, key, "is no amount of dollars"));
            }
        }
        for (key, limit) in [
            ("llm.requests_per_minute", settings.requests_per_minute),
            ("llm.tokens_per_minute", settings.tokens_per_minute),
        ] {
            if limit == Some(0) {
                return Err(refuse(config, key, "would let nothing through; leave it out for no limit"));
            }
        }
        if settings.cache == CacheKind::Redis && settings.redis_url.is_none() {
            return Err(refuse(config, "llm.redis_url", "is needed with `llm.cache = \"redis\"`"));
        }
        if settings.record.is_some() && settings.replay.is_some() {
            return Err(refuse(config, "llm.replay", "cannot be together with `llm.record`"));
        }
        Ok(settings)
    }

    pub(super) fn rate(&self) -> Option<Rate> {
        let Self { requests_per_minute, tokens_per_minute, .. } = *self;
        let limited = requests_per_minute.is_some() || tokens_per_minute.is_some();
        limited.then_some(Rate { requests_per_minute, tokens_per_minute })
    }

    pub(super) fn per_run(&self) -> Limits {
        Limits { tokens: self.budget_tokens_per_run, usd: self.budget_usd_per_run.and_then(Usd::from_f64) }
    }

    pub(super) fn per_day(&self) -> Limits {
        Limits { tokens: self.budget_tokens_per_day, usd: self.budget_usd_per_day.and_then(Usd::from_f64) }
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let seconds = |seconds: u64| std::time::Duration::from_secs(seconds.max(1));
        Timeouts {
            first_byte: seconds(self.first_byte_timeout_s),
            idle: seconds(self.idle_timeout_s),
            whole: seconds(self.timeout_s),
            ..Timeouts::default()
        }
    }
}

pub(super) fn refuse(config: &Config, key: &str, reason: impl Into<String>) -> ConfigError {
    let origin = config.origin(key).cloned().unwrap_or(Origin::Default);
    ConfigError::Invalid { key: key.to_owned(), origin, reason: reason.into() }
}
