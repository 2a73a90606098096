use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How bad it is that a secret got out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look.
    Low,
    /// Likely a secret, by its name and looks.
    Medium,
    /// A secret of limited reach, or one whose form is shared with harmless texts.
    High,
    /// A credential in its vendor's own form.
    Critical,
}

impl Severity {
    /// The word for it in rule files and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where a secret stands; never the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The id of the rule that found it.
    pub rule: Arc<str>,
    /// How bad it is.
    pub severity: Severity,
    /// The secret's place in what was scanned, in bytes from its beginning.
    pub span: Range<usize>,
    /// The line it begins in, from 1.
    pub line: usize,
    /// The same for the same secret found by the same rule, wherever it stands.
    pub fingerprint: Fingerprint,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, severity, line, fingerprint, .. } = self;
        write!(f, "line {line}: `{rule}`, {} ({fingerprint})", severity.as_str())
    }
}

/// Names one secret without telling it, so that a configuration can allow it.
///
/// It is a short digest without a key: who guesses the secret can check the guess, so it is shown to whoever may see
/// the place of the finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub(super) fn of(rule: &str, secret: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"opsmith secret\0");
        hash.update(rule);
        hash.update(b"\0");
        hash.update(secret);
        Self(hex::encode(&hash.finalize()[..6]))
    }

    /// The fingerprint of those digits, as it is written in a configuration.
    pub fn named(digits: impl Into<String>) -> Self {
        Self(digits.into())
    }

    /// Its twelve hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
