use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use maud::Markup;
use opsmith_model::Principal;

use super::Page;
use crate::http::auth::Identity;

/// A way to a product's pages, in the frame of each page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NavLink {
    /// Where it leads; it is the current one on every page below.
    pub path: &'static str,
    /// Its name.
    pub label: &'static str,
    /// The key that leads there after `g`.
    pub key: char,
}

/// What the server puts on every request.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::http) struct Nav(pub(in crate::http) &'static [NavLink]);

/// The frame that a request's page stands in.
#[derive(Clone, Debug, Default)]
pub struct Shell {
    pub(super) nav: &'static [NavLink],
    pub(super) path: String,
    /// Who logged in; nobody does at an open server.
    pub(super) who: Option<Principal>,
}

impl Shell {
    pub(super) fn of(nav: Nav, path: &str) -> Self {
        Self { nav: nav.0, path: path.to_owned(), who: None }
    }

    /// The same frame for whoever it is.
    pub(super) fn seen_by(self, identity: Option<&Identity>) -> Self {
        let who = identity.filter(|identity| identity.token.is_some()).map(|identity| identity.principal.clone());
        Self { who, ..self }
    }

    /// A page of that title.
    pub fn page(&self, title: impl Into<String>, content: Markup) -> Page {
        Page::new(self.clone(), title.into(), content)
    }

    pub(super) fn is_current(&self, link: &NavLink) -> bool {
        self.path.strip_prefix(link.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Shell {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let nav = parts.extensions.get::<Nav>().copied().unwrap_or_default();
        Ok(Self::of(nav, parts.uri.path()).seen_by(parts.extensions.get()))
    }
}
