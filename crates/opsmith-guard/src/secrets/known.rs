use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use opsmith_model::Secret;

use super::forms;
use super::tail::Prefixes;

/// A shorter value would be found in half of all texts.
const SHORTEST: usize = 4;
/// Up to here all forms together are worth a table of each state's next, which is the fastest; keys are longer.
const TABLE_BYTES: usize = 16 * 1024;

/// The secrets that this process holds: they are never let through, in no form, whatever the rules say.
///
/// Cheap to clone; all clones are one list.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<RwLock<Arc<Forms>>>);

/// Every form of every known secret, at one moment.
#[derive(Default)]
pub(super) struct Forms {
    secrets: Vec<Secret>,
    /// The secret of each form of the automaton.
    owners: Vec<usize>,
    automaton: Option<AhoCorasick>,
    prefixes: Prefixes,
}

impl KnownSecrets {
    /// Adds a secret; `false` where it is too short to be told from other text.
    pub fn register(&self, secret: &Secret) -> bool {
        if secret.expose().trim().len() < SHORTEST {
            return false;
        }
        self.change(|secrets| {
            let is_new = !secrets.contains(secret);
            if is_new {
                secrets.push(secret.clone());
            }
            is_new
        });
        true
    }

    /// Drops a secret that no longer opens anything.
    pub fn forget(&self, secret: &Secret) {
        self.change(|secrets| {
            let before = secrets.len();
            secrets.retain(|known| known != secret);
            secrets.len() < before
        });
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Secret>) -> bool) {
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut secrets = now.secrets.clone();
        if change(&mut secrets) {
            *now = Arc::new(Forms::new(secrets));
        }
    }

    pub(super) fn now(&self) -> Arc<Forms> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSecrets").field("len", &self.now().secrets.len()).finish()
    }
}

impl Forms {
    fn new(secrets: Vec<Secret>) -> Self {
        let mut forms: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for (n, secret) in secrets.iter().enumerate() {
            // What is whole belongs to itself; what is encoded, to the first.
            for form in forms::of(secret.expose()) {
                forms.entry(form).or_insert(n);
            }
            let trimmed = secret.expose().trim();
            for form in forms::of(trimmed) {
                forms.entry(form).or_insert(n);
            }
        }
        let prefixes = Prefixes::exact(forms.keys().map(Vec::as_slice));
        let is_small = forms.keys().map(Vec::len).sum::<usize>() <= TABLE_BYTES;
        let kind = if is_small { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        // Only more than 2^31 bytes cannot be built.
        let automaton = AhoCorasick::builder().kind(Some(kind)).build(forms.keys());
        let automaton = automaton.ok().filter(|_| !forms.is_empty());
        Self { secrets, owners: forms.into_values().collect(), automaton, prefixes }
    }

    /// The stretches of `text` that forms cover which begin in `from..to`, in order, each with the secret of its first form.
    pub(super) fn find(&self, text: &[u8], from: usize, to: usize) -> Vec<(Range<usize>, &Secret)> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let mut stretches: Vec<(Range<usize>, usize)> = Vec::new();
        // Hits come by their ends.
        for hit in automaton.find_overlapping_iter(&text[from..]) {
            let (mut range, mut owner) = (from + hit.start()..from + hit.end(), self.owners[hit.pattern().as_usize()]);
            if range.start >= to {
                continue;
            }
            while let Some((last, first_owner)) = stretches.pop_if(|(last, _)| range.start < last.end) {
                if last.start < range.start {
                    (range.start, owner) = (last.start, first_owner);
                }
            }
            stretches.push((range, owner));
        }
        stretches.into_iter().map(|(range, owner)| (range, &self.secrets[owner])).collect()
    }

    /// Where a form begins whose end is not there yet; else the end of `text`.
    pub(super) fn cut(&self, text: &[u8]) -> usize {
        self.prefixes.cut(text)
    }
}
