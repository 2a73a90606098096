use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opsmith_forge::github::webhook::Changed;
use opsmith_model::Target;
use tokio::sync::Notify;

/// Who in this process waits for GitHub, to be woken by a webhook.
#[derive(Debug, Default)]
pub(crate) struct Wakes(Mutex<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    last_id: u64,
    waiters: HashMap<u64, Waiter>,
}

#[derive(Debug)]
struct Waiter {
    what: Option<Commit>,
    notify: Arc<Notify>,
}

#[derive(Debug)]
struct Commit {
    repository: Target,
    branch: String,
    sha: String,
}

/// One who waits; dropped, it waits no longer.
#[derive(Debug)]
pub(crate) struct Wake {
    wakes: Arc<Wakes>,
    id: u64,
    notify: Arc<Notify>,
}

impl Deref for Wake {
    type Target = Notify;

    fn deref(&self) -> &Notify {
        &self.notify
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.wakes.waiters().waiters.remove(&self.id);
    }
}

impl Wakes {
    /// Waits for news of one commit or of its branch.
    pub(crate) fn of_commit(self: &Arc<Self>, repository: Target, branch: &str, sha: &str) -> Wake {
        self.add(Some(Commit { repository, branch: branch.to_owned(), sha: sha.to_owned() }))
    }

    /// Waits for any news.
    pub(crate) fn of_all(self: &Arc<Self>) -> Wake {
        self.add(None)
    }

    fn add(self: &Arc<Self>, what: Option<Commit>) -> Wake {
        let notify = Arc::new(Notify::new());
        let mut waiters = self.waiters();
        waiters.last_id += 1;
        let id = waiters.last_id;
        waiters.waiters.insert(id, Waiter { what, notify: Arc::clone(&notify) });
        Wake { wakes: Arc::clone(self), id, notify }
    }

    /// Wakes those whom it concerns, and gives how many.
    pub(crate) fn tell(&self, changed: &Changed) -> usize {
        let waiters = self.waiters();
        let concerned =
            waiters.waiters.values().filter(|waiter| waiter.what.as_ref().is_none_or(|on| on.is_in(changed)));
        // One that is about to wait takes it too.
        concerned.map(|waiter| waiter.notify.notify_one()).count()
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commit {
    fn is_in(&self, changed: &Changed) -> bool {
        let names_nothing = changed.sha.is_none() && changed.branch.is_none();
        let named = changed.sha.as_deref() == Some(&self.sha) || changed.branch.as_deref() == Some(&self.branch);
        changed.repository == self.repository && (named || names_nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(repository: &str, sha: Option<&str>, branch: Option<&str>) -> Changed {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Changed { repository: Target::new(repository), sha: own(sha), branch: own(branch) }
    }

    #[test]
    fn only_those_are_woken_whom_it_concerns_and_nobody_is_kept() {
        let wakes = Arc::new(Wakes::default());
        let here = wakes.of_commit(Target::new("github.com/a/b"), "amp/x", "1");
        let all = wakes.of_all();
        for (news, woken) in [
            (changed("github.com/a/b", Some("1"), None), 2),
            (changed("github.com/a/b", Some("2"), Some("amp/x")), 2),
            (changed("github.com/a/b", None, None), 2),
            (changed("github.com/a/b", Some("2"), Some("main")), 1),
            (changed("github.com/a/c", Some("1"), Some("amp/x")), 1),
        ] {
            assert_eq!(wakes.tell(&news), woken, "{news:?}");
        }
        drop((here, all));
        assert_eq!(wakes.tell(&changed("github.com/a/b", Some("1"), None)), 0);
    }
}
