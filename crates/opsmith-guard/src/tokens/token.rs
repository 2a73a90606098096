use chrono::{DateTime, Utc};
use opsmith_model::{Principal, PrincipalKind, TokenId};
use serde::Serialize;

use super::{Role, TokenError};

const MOST_NAME_BYTES: usize = 64;

/// A token as it is known after it was made: without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its id, a part of its text.
    pub id: TokenId,
    /// The name of the principal that it stands for.
    pub name: String,
    /// The principal's kind.
    pub kind: PrincipalKind,
    /// How much it may.
    pub role: Role,
    /// Who made it.
    pub created_by: Principal,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Its end, if it has one.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was ended before that.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Its last use, true to a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Whether a token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It holds.
    Active,
    /// Its time has passed.
    Expired,
    /// Somebody ended it.
    Revoked,
}

impl Token {
    /// Who makes a request with it.
    pub fn principal(&self) -> Principal {
        Principal { kind: self.kind, name: self.name.clone() }
    }

    /// Whether it holds at `now`.
    pub fn state(&self, now: DateTime<Utc>) -> TokenState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => TokenState::Revoked,
            (None, Some(end)) if end <= now => TokenState::Expired,
            (None, Some(_) | None) => TokenState::Active,
        }
    }
}

/// A token that is to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The name of the principal that it stands for; two tokens may have the same.
    pub name: String,
    /// The principal's kind. Only a user's token can answer for a person.
    pub kind: PrincipalKind,
    /// How much it may.
    pub role: Role,
    /// Its end, if it is to have one.
    pub expires_at: Option<DateTime<Utc>>,
}

impl NewToken {
    /// Whether the name is one.
    pub fn check_name(&self) -> Result<(), TokenError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric();
        let begins = self.name.bytes().next().is_some_and(plain);
        let rest = self.name.bytes().all(|byte| plain(byte) || b"._@-".contains(&byte));
        if !begins || !rest || self.name.len() > MOST_NAME_BYTES {
            return Err(TokenError::Name);
        }
        Ok(())
    }

    pub(super) fn check(&self, now: DateTime<Utc>) -> Result<(), TokenError> {
        self.check_name()?;
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(TokenError::Past);
        }
        Ok(())
    }
}
