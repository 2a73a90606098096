use opsmith_host::config::PLATFORM;
use opsmith_host::process::Catalogue;

/// What the products bring: their settings, effects and tables.
pub const CATALOGUE: Catalogue = Catalogue {
    settings: &[PLATFORM, ampx::config::SETTINGS, ampx::models::SETTINGS, ampx::github::SETTINGS],
    effects: &[opsmith_guard::secrets::EFFECTS, ampx::EFFECTS],
    migrations: &[
        opsmith_guard::migrations,
        opsmith_runs::migrations,
        opsmith_forge::local::migrations,
        opsmith_llm::migrations,
        ampx::migrations,
    ],
};
