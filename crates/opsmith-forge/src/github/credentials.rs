use std::fmt;

use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use opsmith_model::Secret;
use serde::Serialize;

use super::GitHubError;

/// GitHub takes at most ten minutes: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
const JWT_LIFE: Duration = Duration::minutes(9);
/// For a clock here that is ahead of GitHub's.
const CLOCK_SKEW: Duration = Duration::seconds(60);

/// What this client is to GitHub.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A personal, fine-grained or Actions token.
    Token(Secret),
    /// A GitHub App, with a token of its own for each installation.
    App(AppKey),
}

/// A GitHub App's id and private key.
#[derive(Clone)]
pub struct AppKey {
    app_id: String,
    key: EncodingKey,
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    exp: i64,
    iss: &'a str,
}

impl AppKey {
    /// Takes the App's id, or client id, and its private key as GitHub gives it out: RSA in PEM form.
    pub fn new(app_id: impl Into<String>, private_key: &Secret) -> Result<Self, GitHubError> {
        let app_id = app_id.into();
        let Ok(key) = EncodingKey::from_rsa_pem(private_key.expose().as_bytes()) else {
            return Err(GitHubError::BadKey { app_id });
        };
        let key = Self { app_id, key };
        // Whether the key signs is known only by signing.
        key.jwt(DateTime::UNIX_EPOCH)?;
        Ok(key)
    }

    /// A token by which the App shows that it is itself.
    pub(super) fn jwt(&self, now: DateTime<Utc>) -> Result<Secret, GitHubError> {
        let issued = now - CLOCK_SKEW;
        let claims =
            Claims { iat: issued.timestamp(), exp: (now + JWT_LIFE - CLOCK_SKEW).timestamp(), iss: &self.app_id };
        let jwt = encode(&Header::new(Algorithm::RS256), &claims, &self.key);
        jwt.map(Secret::new).map_err(|_| GitHubError::BadKey { app_id: self.app_id.clone() })
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKey").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}
