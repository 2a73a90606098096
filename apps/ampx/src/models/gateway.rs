use opsmith_guard::secrets::Redactor;
use opsmith_host::config::{Config, ConfigError};
use opsmith_llm::{
    Budget, CacheOptions, Caching, Cassette, Client, ClientOptions, Limits, Provider, ProviderError, RateLimiter,
    ResponseCache, Timeouts, Usd,
};
use opsmith_model::{Clock, Hint, Secret};
use opsmith_store::Store;

use super::settings::refuse;
use super::{CacheKind, LlmSettings, Terms};

/// The way of this process to models; cheap to clone.
#[derive(Clone, Debug)]
pub struct Models {
    terms: Terms,
    timeouts: Timeouts,
    limiter: Option<RateLimiter>,
    budget: Budget,
    cache: Option<ResponseCache>,
    cassette: Option<Cassette>,
    clock: Clock,
}

impl Models {
    /// As the configuration says; nothing is asked so far.
    pub fn open(config: &Config, store: &Store, clock: &Clock) -> Result<Self, ConfigError> {
        let settings = LlmSettings::resolve(config)?;
        let terms = Terms::of(config, &settings)?;
        Ok(Self {
            timeouts: settings.timeouts(),
            limiter: settings.rate().map(RateLimiter::new),
            budget: Budget::new(store.clone(), clock.clone(), terms.per_run, terms.per_day),
            terms,
            cache: cache(config, &settings, store, clock)?,
            cassette: cassette(config, &settings)?,
            clock: clock.clone(),
        })
    }

    /// A client on the budget of a task, which `budget_usd` may make smaller than that of every task. Each text that
    /// leaves passes the redactor.
    pub fn client(
        &self,
        provider: &Provider,
        task: &str,
        budget_usd: Option<f64>,
        redactor: &Redactor,
    ) -> Result<Client, ProviderError> {
        let redactor = redactor.clone();
        let options = ClientOptions {
            timeouts: self.timeouts,
            redactor: opsmith_llm::Redactor::new(move |text| redactor.redact(text)),
            limiter: self.limiter.clone(),
            budget: Some(self.budget.clone().with_per_run(self.of_task(budget_usd))),
            cache: self.cache.clone(),
            cassette: self.cassette.clone(),
            ..ClientOptions::new(self.terms.prices.clone(), self.clock.clone())
        };
        Ok(Client::new(provider.clone(), options)?.for_run(task))
    }

    /// Whether an earlier answer to the same question will do: where answers are kept, that is what they are kept for.
    pub fn caching(&self) -> Caching {
        if self.cache.is_some() { Caching::Always } else { Caching::Never }
    }

    fn of_task(&self, budget_usd: Option<f64>) -> Limits {
        let own = budget_usd.and_then(Usd::from_f64);
        let usd = [self.terms.per_run.usd, own].into_iter().flatten().min();
        Limits { usd, ..self.terms.per_run }
    }
}

fn cache(
    config: &Config,
    settings: &LlmSettings,
    store: &Store,
    clock: &Clock,
) -> Result<Option<ResponseCache>, ConfigError> {
    let options = CacheOptions::default();
    let in_redis = |url: &Secret| {
        let wrong = |error: opsmith_llm::CacheError| {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            refuse(config, "llm.redis_url", format!("{error}{hint}"))
        };
        ResponseCache::in_redis(url, options).map_err(wrong)
    };
    match (settings.cache, &settings.redis_url) {
        (CacheKind::None, _) | (CacheKind::Redis, None) => Ok(None),
        (CacheKind::Store, _) => Ok(Some(ResponseCache::in_store(store.clone(), clock.clone(), options))),
        (CacheKind::Redis, Some(url)) => in_redis(url).map(Some),
    }
}

fn cassette(config: &Config, settings: &LlmSettings) -> Result<Option<Cassette>, ConfigError> {
    match (&settings.record, &settings.replay) {
        (Some(path), _) => Ok(Some(Cassette::record(path))),
        (None, Some(path)) => {
            Cassette::replay(path).map(Some).map_err(|error| refuse(config, "llm.replay", error.to_string()))
        }
        (None, None) => Ok(None),
    }
}
