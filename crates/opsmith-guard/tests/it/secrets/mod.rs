//! Secrets: found wherever they are cut, near misses left alone, nothing of ours let through, kept and had back.

mod adversary;
mod known;
mod near_misses;
mod redaction;
mod references;
mod rules;
mod seeds;
mod sops;
mod store;
mod streams;
mod vault;

use std::sync::LazyLock;

use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, ScanSettings, Scanner};

/// One for all: each compiles its patterns anew.
static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(&ScanSettings::default()).unwrap());

fn scanner() -> Scanner {
    SCANNER.clone()
}

fn redactor(known: &KnownSecrets) -> Redactor {
    Redactor::new(scanner(), known.clone(), Placeholders::default())
}
