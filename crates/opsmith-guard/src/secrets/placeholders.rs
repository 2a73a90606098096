use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opsmith_model::{Digest, Secret};

/// How many secrets one scope tells apart; a text made to fill the memory has more.
const LIMIT: usize = 10_000;

/// Which number stands for which secret, within one scope such as a task: the same secret has the same number.
///
/// Cheap to clone; all clones are one list. Numbers count from 1; 0 stands for every secret beyond the first 10,000.
#[derive(Clone, Default)]
pub struct Placeholders(Arc<Mutex<Numbers>>);

struct Numbers {
    by_digest: BTreeMap<String, u32>,
    secrets: BTreeMap<u32, Secret>,
    most: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { by_digest: BTreeMap::new(), secrets: BTreeMap::new(), most: LIMIT }
    }
}

/// What stands in a text instead of the secret of that number.
pub fn placeholder(number: u32) -> String {
    format!("<SECRET_HASH_{number}>")
}

impl Placeholders {
    /// None to tell apart: every secret is 0, and nothing is remembered of it.
    pub fn unkept() -> Self {
        Self(Arc::new(Mutex::new(Numbers { most: 0, ..Numbers::default() })))
    }

    /// The numbers that were given out before, as [`Placeholders::entries`] told them.
    pub fn restore(entries: BTreeMap<u32, Secret>) -> Self {
        let digest = |(number, secret): (&u32, &Secret)| (digest(secret.expose().as_bytes()), *number);
        let by_digest = entries.iter().map(digest).collect();
        Self(Arc::new(Mutex::new(Numbers { by_digest, secrets: entries, most: LIMIT })))
    }

    /// Every number that was given out, with its secret.
    pub fn entries(&self) -> BTreeMap<u32, Secret> {
        self.lock().secrets.clone()
    }

    /// How many numbers were given out.
    pub(super) fn count(&self) -> usize {
        self.lock().secrets.len()
    }

    /// The number of a secret, a new one if it has none.
    pub(super) fn number(&self, secret: &[u8]) -> u32 {
        let mut numbers = self.lock();
        let digest = digest(secret);
        if let Some(number) = numbers.by_digest.get(&digest) {
            return *number;
        }
        if numbers.secrets.len() >= numbers.most {
            return 0;
        }
        let number = numbers.secrets.last_key_value().map_or(1, |(last, _)| last.saturating_add(1));
        numbers.by_digest.insert(digest, number);
        numbers.secrets.insert(number, Secret::new(String::from_utf8_lossy(secret)));
        number
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(secret: &[u8]) -> String {
    Digest::of_bytes(secret).as_str().to_owned()
}

impl fmt::Debug for Placeholders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placeholders").field("len", &self.lock().secrets.len()).finish()
    }
}
