//! ampx over real git, real commands and a real store.
#![allow(clippy::unwrap_used)]

mod http;
mod sse;
mod stories;

use opsmith_host::config::PLATFORM;
use opsmith_host::process::Catalogue;

/// ampx alone on the platform; the binary's own catalogue has every product.
const CATALOGUE: Catalogue = Catalogue {
    settings: &[PLATFORM, ampx::config::SETTINGS, ampx::models::SETTINGS, ampx::github::SETTINGS],
    effects: &[ampx::EFFECTS],
    migrations: &[
        opsmith_guard::migrations,
        opsmith_runs::migrations,
        opsmith_forge::local::migrations,
        opsmith_llm::migrations,
        ampx::migrations,
    ],
};
