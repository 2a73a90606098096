use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{KnownSecrets, Placeholders, Redactor, Scanner, SecretStore};

/// What a process does about secrets: one for all of it, opened with the platform. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Secrets {
    redactor: Redactor,
    store: SecretStore,
}

/// The redactor of one scope, such as a task. What its placeholders stand for is kept by [`ScopedRedactor::keep`].
///
/// Cheap to clone; all clones give out the same numbers.
#[derive(Clone, Debug)]
pub struct ScopedRedactor {
    redactor: Redactor,
    scope: Arc<str>,
    store: SecretStore,
    /// How many numbers are kept so far.
    kept: Arc<Mutex<usize>>,
}

impl Secrets {
    /// Secrets that `scanner` finds or `known` lists; what placeholders of scopes stand for is kept in `store`.
    pub fn new(scanner: Scanner, known: KnownSecrets, store: SecretStore) -> Self {
        Self { redactor: Redactor::new(scanner, known, Placeholders::unkept()), store }
    }

    /// The redactor of what belongs to no scope, such as the process's log: each secret is `<SECRET_HASH_0>`, and
    /// nobody gets it back.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Where the secrets behind placeholders are kept.
    pub fn store(&self) -> &SecretStore {
        &self.store
    }

    /// The redactor of a scope, with the numbers that it had before. One process at a time gives out numbers of a scope.
    ///
    /// Where they cannot be had, nothing is let through all the same: each secret is `<SECRET_HASH_0>`, as no number may
    /// stand for two.
    pub async fn scope(&self, scope: &str) -> ScopedRedactor {
        let placeholders = match self.store.load(scope).await {
            Ok(entries) => Placeholders::restore(entries),
            Err(error) => {
                tracing::warn!(secrets.scope = scope, %error, "placeholders cannot be read, so none is told apart");
                Placeholders::unkept()
            }
        };
        let kept = Arc::new(Mutex::new(placeholders.count()));
        let redactor = Redactor { placeholders, ..self.redactor.clone() };
        ScopedRedactor { redactor, scope: scope.into(), store: self.store.clone(), kept }
    }
}

impl ScopedRedactor {
    /// Keeps what new placeholders stand for; call it before a text with them is stored or told. What cannot be kept is
    /// redacted all the same, and nobody gets it back.
    pub async fn keep(&self) {
        let mut kept = self.kept.lock().await;
        if self.redactor.placeholders.count() == *kept {
            return;
        }
        let entries = self.redactor.placeholders.entries();
        match self.store.save(&self.scope, &entries).await {
            Ok(()) => *kept = entries.len(),
            Err(error) => {
                tracing::warn!(secrets.scope = %self.scope, %error, "what placeholders stand for was not kept");
            }
        }
    }
}

impl Deref for ScopedRedactor {
    type Target = Redactor;

    fn deref(&self) -> &Redactor {
        &self.redactor
    }
}
