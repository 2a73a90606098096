use std::time::Duration;

use opsmith_model::Secret;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tokio::sync::Mutex;

use super::CacheError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A cache that is slower than this is none.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
const PREFIX: &str = "opsmith:llm:";

/// Answers in Redis, which drops them when their time is over or its memory is full.
#[derive(Debug)]
pub(super) struct Redis {
    client: Client,
    /// Made on first use, and again after an error.
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Redis {
    pub(super) fn new(url: &Secret) -> Result<Self, CacheError> {
        // The library's words repeat the URL, password and all.
        let client = Client::open(url.expose()).map_err(|_| CacheError::BadUrl)?;
        Ok(Self { client, connection: Mutex::new(None) })
    }

    pub(super) async fn get(&self, digest: &str) -> Result<Option<String>, CacheError> {
        let mut get = redis::cmd("GET");
        get.arg(format!("{PREFIX}{digest}"));
        self.ask(&get).await
    }

    pub(super) async fn put(&self, digest: &str, answer: &str, ttl: Duration) -> Result<(), CacheError> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut set = redis::cmd("SET");
        set.arg(format!("{PREFIX}{digest}")).arg(answer).arg("PX").arg(ttl_ms);
        self.ask(&set).await
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, CacheError> {
        let mut connection = self.connection().await?;
        match command.query_async(&mut connection).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                *self.connection.lock().await = None;
                Err(CacheError::Redis(error))
            }
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, CacheError> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(CacheError::Redis)?;
        *kept = Some(connection.clone());
        Ok(connection)
    }
}
