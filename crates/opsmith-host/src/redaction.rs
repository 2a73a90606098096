//! Secrets stay out of what this process says: its log, what it sends to a collector, problems, errors of commands.
//!
//! There is one log and one stderr, so there is one redactor for them: until the platform is open that of the built-in
//! rules, then the platform's own, which knows the secrets of the configuration too.

use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock};

use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, ScanSettings, Scanner};
use serde_json::Value;

static OPENED: RwLock<Option<Redactor>> = RwLock::new(None);
/// That the built-in rules hold is a test of theirs.
static BUILT_IN: LazyLock<Option<Redactor>> = LazyLock::new(|| {
    let scanner = Scanner::new(&ScanSettings::default()).ok()?;
    Some(Redactor::new(scanner, KnownSecrets::default(), Placeholders::unkept()))
});

/// Redacts by `redactor` from now on.
pub fn redact_by(redactor: &Redactor) {
    *OPENED.write().unwrap_or_else(PoisonError::into_inner) = Some(redactor.clone());
}

/// `text` without its secrets.
pub fn redact(text: &str) -> Cow<'_, str> {
    match current() {
        Some(redactor) => redactor.redact(text),
        None => Cow::Borrowed(text),
    }
}

/// Takes the secrets out of every text in `value`.
pub fn redact_json(value: &mut Value) {
    if let Some(redactor) = current() {
        redactor.redact_json(value);
    }
}

fn current() -> Option<Redactor> {
    OPENED.read().unwrap_or_else(PoisonError::into_inner).clone().or_else(|| BUILT_IN.clone())
}
