//! Answers kept for the same request: in the store, or in Redis for many machines.

mod db;
mod error;
mod shared;

pub use error::CacheError;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opsmith_model::{Clock, Digest, Secret};
use opsmith_store::Store;

use self::shared::Redis;
use crate::{Completion, Origin, Usd};

/// How many answers go in between two looks at the size of all.
const TRIM_EVERY: u64 = 64;

/// What the cache keeps.
#[derive(Clone, Copy, Debug)]
pub struct CacheOptions {
    /// How long an answer is good.
    pub ttl: Duration,
    /// A larger answer is not kept.
    pub max_answer_bytes: u64,
    /// All answers together, in the store; Redis has a limit of its own.
    pub max_bytes: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { ttl: Duration::from_hours(30 * 24), max_answer_bytes: 1 << 20, max_bytes: 256 << 20 }
    }
}

/// Answers by the digest of provider and request, as they went over the wire.
#[derive(Clone, Debug)]
pub struct ResponseCache {
    kept: Kept,
    options: CacheOptions,
}

#[derive(Clone, Debug)]
enum Kept {
    Store { store: Store, clock: Clock, puts: Arc<AtomicU64> },
    Redis(Arc<Redis>),
}

impl ResponseCache {
    /// A cache on tables that [`migrations`](crate::migrations) made.
    pub fn in_store(store: Store, clock: Clock, options: CacheOptions) -> Self {
        Self { kept: Kept::Store { store, clock, puts: Arc::default() }, options }
    }

    /// A cache in Redis; it is reached on first use.
    pub fn in_redis(url: &Secret, options: CacheOptions) -> Result<Self, CacheError> {
        Ok(Self { kept: Kept::Redis(Arc::new(Redis::new(url)?)), options })
    }

    /// The answer to an earlier request of the same digest; it costs nothing now.
    ///
    /// A cache that does not work has none: it is told in the log, and the provider is asked.
    pub(crate) async fn get(&self, digest: &Digest) -> Option<Completion> {
        let found = match &self.kept {
            Kept::Store { store, clock, .. } => {
                db::get(store, digest.as_str(), clock.now()).await.map_err(CacheError::Store)
            }
            Kept::Redis(redis) => redis.get(digest.as_str()).await,
        };
        let text = found.unwrap_or_else(|error| {
            tracing::warn!(error.message = %error, "the response cache cannot be read");
            None
        })?;
        // What another version wrote may not be readable; it will be written anew.
        let completion: Completion = serde_json::from_str(&text).ok()?;
        Some(Completion { origin: Origin::Cache, cost: Some(Usd::default()), ..completion })
    }

    /// Keeps an answer, where it is not too large.
    pub(crate) async fn put(&self, digest: &Digest, completion: &Completion) {
        let Ok(text) = serde_json::to_string(completion) else { return };
        if text.len() as u64 > self.options.max_answer_bytes {
            return;
        }
        if let Err(error) = self.try_put(digest, &text).await {
            tracing::warn!(error.message = %error, "the response cache cannot be written");
        }
    }

    async fn try_put(&self, digest: &Digest, text: &str) -> Result<(), CacheError> {
        match &self.kept {
            Kept::Redis(redis) => redis.put(digest.as_str(), text, self.options.ttl).await,
            Kept::Store { store, clock, puts } => {
                let now = clock.now();
                let expires_at =
                    now + chrono::Duration::from_std(self.options.ttl).unwrap_or(chrono::Duration::days(30));
                db::put(store, digest.as_str(), text, now, expires_at).await?;
                if puts.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRIM_EVERY) {
                    db::trim(store, self.options.max_bytes, now).await?;
                }
                Ok(())
            }
        }
    }
}
