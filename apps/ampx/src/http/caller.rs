use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use opsmith_host::http::Problem;
use opsmith_model::{ErrorKind, Principal};

/// Who makes the request: the server adds it as an extension; a request without one is refused with 401.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(ErrorKind::Unauthenticated, "the request does not say who makes it"))
    }
}
