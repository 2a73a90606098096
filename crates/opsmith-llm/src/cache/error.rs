use opsmith_model::{ErrorKind, Hint};
use opsmith_store::StoreError;

/// Why the response cache does not work.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The address is none of Redis.
    #[error("the Redis URL is not one that this build speaks")]
    BadUrl,
    /// Redis does not answer, or not as it should.
    #[error("Redis did not do it")]
    Redis(#[source] redis::RedisError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hint for CacheError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadUrl => ErrorKind::Usage,
            Self::Redis(_) => ErrorKind::Unavailable,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::BadUrl => Some("write it like `redis://host:6379/0`; TLS is not in this build".to_owned()),
            Self::Redis(_) => Some("check that Redis runs and that `REDIS_URL` is right".to_owned()),
            Self::Store(error) => error.hint(),
        }
    }
}
