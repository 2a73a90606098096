use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

/// A worker of this process that takes ampx's runs, and what it does beside them.
///
/// Dropped without [`Worker::shutdown`] it leaves its runs as a kill would.
#[derive(Debug)]
pub struct Worker {
    pub(crate) runs: opsmith_runs::Worker,
    /// It holds the worker's id, which has to be free for the next worker once this one has ended.
    pub(crate) upkeep: AbortOnDropHandle<()>,
}

impl Worker {
    /// This worker's id.
    pub fn id(&self) -> &str {
        self.runs.id()
    }

    /// Ends in good order: running steps stop, and their runs are free for another worker at once.
    pub async fn shutdown(self, limit: Duration) {
        self.upkeep.abort();
        // Ended or aborted, it is over.
        let _ = self.upkeep.await;
        self.runs.shutdown(limit).await;
    }
}
