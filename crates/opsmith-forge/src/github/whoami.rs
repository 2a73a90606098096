use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;

use super::call::{Auth, Call};
use super::{Credentials, GitHub, GitHubError};

/// Who we are to GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whoami {
    /// The owner of a token.
    User {
        /// Their login.
        login: String,
        /// The scopes of a classic token; `None`: a token whose rights are set for each repository.
        scopes: Option<String>,
    },
    /// An App.
    App {
        /// Its name.
        name: String,
        /// Its permissions, each as `read` or `write`.
        permissions: BTreeMap<String, String>,
    },
}

#[derive(Deserialize)]
struct UserWire {
    login: String,
}

#[derive(Deserialize)]
struct AppWire {
    name: String,
    permissions: BTreeMap<String, String>,
}

impl GitHub {
    /// Asks GitHub who these credentials are.
    pub async fn whoami(&self) -> Result<Whoami, GitHubError> {
        let (path, auth) = match self.credentials() {
            // One token for all owners.
            Credentials::Token(_) => ("user", Auth::Repository { owner: String::new(), name: String::new() }),
            Credentials::App(app) => ("app", Auth::App(app.jwt(self.now())?)),
        };
        let is_app = matches!(auth, Auth::App(_));
        let subject = "the owner of the credentials".to_owned();
        let answer = self.ask(&Call::new(Method::GET, self.address().join(&[path]), subject.clone(), auth)).await?;
        if is_app {
            let AppWire { name, permissions } = answer.json(&subject)?;
            return Ok(Whoami::App { name, permissions });
        }
        let UserWire { login } = answer.json(&subject)?;
        let scopes = answer.headers.get("x-oauth-scopes").and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Whoami::User { login, scopes })
    }
}
