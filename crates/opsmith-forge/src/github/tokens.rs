use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use opsmith_model::{ErrorKind, Hint as _, Secret};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::call::{Auth, Call};
use super::{AppKey, Credentials, GitHub, GitHubError};

/// A token is renewed this long before its end, so that none ends in the middle of a call.
const EARLY: Duration = Duration::minutes(5);
/// No token is used longer, whatever its server says of its end.
const LONGEST_LIFE: Duration = Duration::hours(24);
/// Owners whose tokens are kept; more than one installation is rare.
const MAX_OWNERS: usize = 1_000;

/// The installation tokens of an App, one for each owner of repositories.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    owners: Mutex<HashMap<String, Arc<Slot>>>,
}

/// One owner's token; the lock is held while a new one is had, so that callers share it.
type Slot = tokio::sync::Mutex<Option<Installed>>;

#[derive(Clone, Debug)]
struct Installed {
    token: Secret,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Installed {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at.min(self.issued_at + LONGEST_LIFE) - EARLY
    }

    fn is_good(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at.min(self.issued_at + LONGEST_LIFE)
    }
}

#[derive(Deserialize)]
struct InstallationWire {
    id: u64,
}

#[derive(Deserialize)]
struct TokenWire {
    token: String,
    expires_at: DateTime<Utc>,
}

impl Tokens {
    fn slot(&self, owner: &str) -> Arc<Slot> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= MAX_OWNERS {
            owners.clear();
        }
        Arc::clone(owners.entry(owner.to_lowercase()).or_default())
    }
}

impl GitHub {
    /// The token for a repository, which git takes as a password too.
    pub(super) async fn token(&self, owner: &str, name: &str) -> Result<Secret, GitHubError> {
        let app = match self.credentials() {
            Credentials::Token(token) => return Ok(token.clone()),
            Credentials::App(app) => app,
        };
        let slot = self.tokens().slot(owner);
        let mut known = slot.lock().await;
        let now = self.now();
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh(now)) {
            return Ok(known.token.clone());
        }
        let Some(old) = known.as_ref().filter(|known| known.is_good(now)).map(|known| known.token.clone()) else {
            let new = self.install(app, owner, name).await?;
            return Ok(known.insert(new).token.clone());
        };
        // What ends soon is still better than nothing, and not worth a long wait.
        match timeout(self.patience().request, self.install(app, owner, name)).await {
            Ok(Ok(new)) => Ok(known.insert(new).token.clone()),
            Ok(Err(error)) if !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited) => Err(error),
            Ok(Err(_)) | Err(_) => Ok(old),
        }
    }

    /// Forgets a token that was refused; whether the next one will be another.
    pub(super) async fn forget_token(&self, owner: &str, refused: &Secret) -> bool {
        match self.credentials() {
            Credentials::Token(_) => false,
            Credentials::App(_) => {
                let slot = self.tokens().slot(owner);
                let mut known = slot.lock().await;
                if known.as_ref().is_some_and(|known| known.token == *refused) {
                    *known = None;
                }
                true
            }
        }
    }

    async fn install(&self, app: &AppKey, owner: &str, name: &str) -> Result<Installed, GitHubError> {
        let subject = format!("the App's installation for `{owner}/{name}`");
        let url = self.address().join(&["repos", owner, name, "installation"]);
        let found = Call::new(Method::GET, url, subject.clone(), Auth::App(app.jwt(self.now())?));
        let installation: InstallationWire = self.ask(&found).await?.json(&subject)?;
        let id = installation.id.to_string();
        let url = self.address().join(&["app", "installations", &id, "access_tokens"]);
        // A second token does no harm, so this may be asked again.
        let call = Call::new(Method::POST, url, subject.clone(), Auth::App(app.jwt(self.now())?)).repeatable();
        let issued_at = self.now();
        let wire: TokenWire = self.ask(&call.body(json!({}))).await?.json(&subject)?;
        Ok(Installed { token: Secret::new(wire.token), issued_at, expires_at: wire.expires_at })
    }
}
