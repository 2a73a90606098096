//! Secrets: found, kept out of whatever leaves, and had where they are needed.
//!
//! A [`Scanner`] finds what looks like a secret, by rules that are data (`rules.toml`, and a user's own file). A
//! [`Redactor`] replaces what it finds, and every form of the secrets that this process holds ([`KnownSecrets`]), by
//! `<SECRET_HASH_n>`; what a number stands for is kept in a [`SecretStore`], and only a person gets it back ([`reveal`]).
//! A [`SecretRef`] in a configuration says where a secret is; [`Sources`] have it. A process has all of this in one
//! [`Secrets`], which is opened with the platform.
//!
//! Absent on purpose: reading the environment and the configuration, and a comment that lets a secret pass.

mod allow;
mod entropy;
mod error;
mod finding;
mod forms;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod known;
mod local;
mod placeholders;
mod progress;
mod redact_stream;
mod redactor;
mod reference;
mod reveal;
mod rule;
mod rules;
mod scanner;
mod scope;
mod secret_store;
mod sops;
mod sources;
mod store_error;
mod stream;
mod syntax;
mod tail;
mod vault;

pub use allow::AllowSettings;
pub use error::RuleError;
pub use finding::{Finding, Fingerprint, Severity};
pub use known::KnownSecrets;
pub use local::LocalSecrets;
pub use placeholders::{Placeholders, placeholder};
pub use redact_stream::RedactStream;
pub use redactor::Redactor;
pub use reference::{ParseSecretRefError, SecretRef, SecretSetting};
pub use reveal::{EFFECTS, REVEAL, RevealError, reveal, reveal_effect};
pub use scanner::{RuleName, ScanSettings, Scanner};
pub use scope::{ScopedRedactor, Secrets};
pub use secret_store::SecretStore;
pub use sources::{ResolveError, Sources};
pub use store_error::SecretStoreError;
pub use stream::ScanStream;
pub use vault::{Vault, VaultError};
