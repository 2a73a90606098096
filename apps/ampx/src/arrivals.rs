use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use opsmith_store::StoreError;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How often to look for what another process added.
const POLL: Duration = Duration::from_millis(500);

/// Tells when there may be new events: at once of those of this process, and of others' by one look-out for all who
/// follow, which is there only while somebody does.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    changed: watch::Sender<u64>,
    look_out: Mutex<Weak<LookOut>>,
}

#[derive(Debug)]
struct LookOut {
    _task: AbortOnDropHandle<()>,
}

/// Changes with every arrival; the look-out ends with the last of these.
#[derive(Debug)]
pub(crate) struct Following {
    pub(crate) changed: watch::Receiver<u64>,
    _look_out: Arc<LookOut>,
}

impl Arrivals {
    /// Tells of an event of this process.
    pub(crate) fn tell(&self) {
        tell(&self.changed);
    }

    /// Changes with every event of this process.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Follows the events of every process, whose newest one's number `newest` asks for.
    pub(crate) fn follow<F, Fut>(&self, newest: F) -> Following
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<i64, StoreError>> + Send + 'static,
    {
        let mut shared = self.look_out.lock().unwrap_or_else(PoisonError::into_inner);
        let look_out = shared.upgrade().unwrap_or_else(|| {
            let task = tokio::spawn(look_out(self.changed.clone(), newest));
            Arc::new(LookOut { _task: AbortOnDropHandle::new(task) })
        });
        *shared = Arc::downgrade(&look_out);
        Following { changed: self.changed.subscribe(), _look_out: look_out }
    }
}

fn tell(changed: &watch::Sender<u64>) {
    changed.send_modify(|n| *n = n.wrapping_add(1));
}

async fn look_out<F, Fut>(changed: watch::Sender<u64>, newest: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<i64, StoreError>>,
{
    let mut known = None;
    loop {
        let seen = newest().await.ok();
        // Where the database fails, each reader finds that out for itself.
        if seen.is_none() || seen != known {
            tell(&changed);
        }
        known = seen;
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Instant;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_hundred_readers_share_one_look_out_that_ends_with_the_last() {
        let newest = Arc::new(AtomicI64::new(7));
        let arrivals = Arrivals::default();
        let follow = |looks: mpsc::UnboundedSender<()>| {
            let newest = Arc::clone(&newest);
            arrivals.follow(move || {
                let _ = looks.send(());
                let newest = newest.load(Ordering::SeqCst);
                async move { Ok(newest) }
            })
        };
        let (sender, mut looks) = mpsc::unbounded_channel();
        let began = Instant::now();
        let mut readers: Vec<Following> = (0..100).map(|_| follow(sender.clone())).collect();
        drop(sender);
        for _ in 0..4 {
            looks.recv().await.unwrap();
        }
        assert!(began.elapsed() >= POLL * 3, "four looks are three pauses, however many read");
        let mut last = readers.pop().unwrap();
        drop(readers);
        assert!(last.changed.has_changed().unwrap(), "the first look may have come after the reader's own");
        last.changed.borrow_and_update();
        newest.store(8, Ordering::SeqCst);
        last.changed.changed().await.unwrap();
        drop(last);
        while looks.recv().await.is_some() {}

        let (sender, mut looks) = mpsc::unbounded_channel();
        let _again = follow(sender);
        looks.recv().await.unwrap();
    }
}
