use std::error::Error as _;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use opsmith_model::ErrorKind;
use serde::de::DeserializeOwned;

use super::Problem;
use super::json::field_problem;

/// The query string; one that does not fit is answered with a [`Problem`] that names the parameter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|axum::extract::Query(value)| Self(value)).map_err(
            |refused| {
                unfit(&refused.source().map_or_else(|| refused.to_string(), ToString::to_string), "the query string")
            },
        )
    }
}

/// The problem of serde's message, which stands behind the name of the parameter where serde knows it: `limit: …`.
pub(super) fn unfit(cause: &str, what: &str) -> Problem {
    let (path, message) = match cause.split_once(": ") {
        Some((name, message)) if !name.contains([' ', '`']) => (name, message),
        _ => ("", cause),
    };
    field_problem(path, message).unwrap_or_else(|| Problem::new(ErrorKind::Invalid, format!("{what}: {message}")))
}
