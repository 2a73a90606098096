use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use opsmith_model::{Clock, Principal, Secret, Target, TokenId};
use opsmith_store::{Page, Store};
use serde_json::json;

use super::text;
use super::{NewToken, Token, TokenError, TokenRefused, TokenState};
use crate::{AuditOutcome, AuditRecord, Guard, db};

/// How old `last_used_at` may be before a use is written again.
const USE_PERIOD: TimeDelta = TimeDelta::minutes(1);

/// The tokens of one store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tokens {
    guard: Guard,
    store: Store,
    clock: Clock,
    /// When this process last wrote a use, so that many requests at once write it once.
    written: Arc<Mutex<HashMap<TokenId, DateTime<Utc>>>>,
}

impl Tokens {
    pub(crate) fn new(guard: Guard, store: Store, clock: Clock) -> Self {
        Self { guard, store, clock, written: Arc::default() }
    }

    /// Makes a token and gives its text, which nothing can give again.
    pub async fn create(&self, new: &NewToken, by: &Principal) -> Result<(Token, Secret), TokenError> {
        let now = self.clock.now();
        new.check(now)?;
        let token = Token {
            id: TokenId::new(now),
            name: new.name.clone(),
            kind: new.kind,
            role: new.role,
            created_by: by.clone(),
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let secret = text::mint(token.id).map_err(TokenError::Random)?;
        let write = self.store.write().await?;
        db::tokens::insert(&write, &token, text::hash(secret.expose())).await?;
        self.guard.record(&write, record(&token, "token.created", by)).await?;
        write.commit().await?;
        Ok((token, secret))
    }

    /// Ends a token for good; whoever holds it is refused from now on.
    pub async fn revoke(&self, id: TokenId, by: &Principal) -> Result<Token, TokenError> {
        let now = self.clock.now();
        let write = self.store.write().await?;
        let found = db::tokens::find(&*write, id).await?.ok_or_else(|| TokenError::NoSuchToken(id.to_string()))?;
        if !db::tokens::revoke(&write, id, now).await? {
            return Err(TokenError::AlreadyRevoked(id));
        }
        let token = Token { revoked_at: Some(now), ..found.token };
        self.guard.record(&write, record(&token, "token.revoked", by)).await?;
        write.commit().await?;
        Ok(token)
    }

    /// Tokens, newest first, and how many there are on all pages.
    pub async fn list(&self, page: Page) -> Result<(Vec<Token>, u64), TokenError> {
        Ok(db::tokens::newest(self.store.read(), page).await?)
    }

    /// Whose token `presented` is, if it holds; its use is noted.
    pub async fn check(&self, presented: &str) -> Result<Token, TokenRefused> {
        let Some(id) = text::id_of(presented) else { return Err(TokenRefused::Unknown) };
        let found = db::tokens::find(self.store.read(), id).await?;
        let Some(found) = found.filter(|found| text::fits(presented, &found.hash)) else {
            return Err(TokenRefused::Unknown);
        };
        let (token, now) = (found.token, self.clock.now());
        match (token.state(now), token.expires_at) {
            (TokenState::Active, _) => {
                self.note_use(&token, now);
                Ok(token)
            }
            (TokenState::Expired, end) => Err(TokenRefused::Expired(end.unwrap_or(now))),
            (TokenState::Revoked, _) => Err(TokenRefused::Revoked),
        }
    }

    /// The time by which tokens end.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Whether a token that was let in before still holds.
    pub async fn holds(&self, id: TokenId) -> Result<bool, TokenError> {
        let found = db::tokens::find(self.store.read(), id).await?;
        Ok(found.is_some_and(|found| found.token.state(self.clock.now()) == TokenState::Active))
    }

    /// How many tokens hold now.
    pub async fn count_active(&self) -> Result<u64, TokenError> {
        Ok(db::tokens::count_active(self.store.read(), self.clock.now()).await?)
    }

    /// Whether there is a token that nobody revoked. One that expired counts: a server that somebody closed does not open
    /// because time went by.
    pub async fn any_standing(&self) -> Result<bool, TokenError> {
        Ok(db::tokens::any_standing(self.store.read()).await?)
    }

    /// Writes the use down beside the answer, so that no request waits for the database's writers.
    fn note_use(&self, token: &Token, now: DateTime<Utc>) {
        let due = |last: DateTime<Utc>| now - last >= USE_PERIOD;
        if !token.last_used_at.is_none_or(due) {
            return;
        }
        {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            if !written.get(&token.id).copied().is_none_or(due) {
                return;
            }
            written.insert(token.id, now);
        }
        let (store, id) = (self.store.clone(), token.id);
        tokio::spawn(async move {
            if let Err(error) = db::tokens::note_use(&store, id, now).await {
                tracing::warn!(token.id = %id, error.message = %error, "failed to note a token's use");
            }
        });
    }
}

fn record(token: &Token, action: &str, by: &Principal) -> AuditRecord {
    AuditRecord {
        principal: by.clone(),
        action: action.to_owned(),
        target: Target::new(&format!("tokens/{}", token.id)),
        operation_key: format!("token-{}", token.id),
        digest: None,
        outcome: AuditOutcome::Done,
        detail: json!({
            "of": token.principal().to_string(),
            "role": token.role,
            "expires_at": token.expires_at.map(|end| end.to_rfc3339()),
        }),
    }
}
