use std::sync::Arc;

use opsmith_model::Secret;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::GitHubError;

/// Whose credentials a call carries.
#[derive(Clone, Debug)]
pub(super) enum Auth {
    /// Those for a repository's owner and name.
    Repository { owner: String, name: String },
    /// The App's own.
    App(Secret),
}

/// One request to be, which may be sent more than once.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub method: Method,
    pub url: Url,
    pub body: Option<Value>,
    /// What it is about, for errors: "pull request 5 of `acme/api`".
    pub subject: String,
    pub auth: Auth,
    /// Whether doing it twice is like doing it once.
    pub repeatable: bool,
}

impl Call {
    pub(super) fn new(method: Method, url: Url, subject: String, auth: Auth) -> Self {
        let repeatable = method == Method::GET;
        Self { method, url, body: None, subject, auth, repeatable }
    }

    pub(super) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }
}

/// A successful answer, read to its end.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub headers: HeaderMap,
    pub body: Arc<[u8]>,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self, subject: &str) -> Result<T, GitHubError> {
        serde_json::from_slice(&self.body)
            .map_err(|source| GitHubError::Garbled { subject: subject.to_owned(), source })
    }
}
