use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{ALLOW, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use opsmith_guard::tokens::{TokenError, TokenRefused};
use opsmith_model::ErrorKind;

use crate::http::Problem;

/// Why the gate does not let a request through.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// It brings a token that lets nobody in.
    Token(Problem),
    /// It brings none, may not, or could not be looked up.
    Problem(Problem),
    /// Its sender has to wait so long.
    TooMany(Duration),
    /// Its route is not served by that method, only by these.
    Method(String),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<TokenError> for Refused {
    fn from(error: TokenError) -> Self {
        Self::Problem(error.into())
    }
}

impl From<TokenRefused> for Refused {
    fn from(error: TokenRefused) -> Self {
        match error {
            TokenRefused::Unknown | TokenRefused::Expired(_) | TokenRefused::Revoked => Self::Token(error.into()),
            TokenRefused::Guard(error) => Self::Problem(error.into()),
        }
    }
}

/// Marks the answer to a token that lets nobody in, so that its page says what is wrong.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct WrongToken;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Token(problem) => {
                let mut response = problem.into_response();
                response.extensions_mut().insert(WrongToken);
                response
            }
            Self::Problem(problem) => problem.into_response(),
            Self::TooMany(wait) => {
                let wait_s = seconds(wait);
                let problem = Problem::new(ErrorKind::RateLimited, "too many requests");
                ([(RETRY_AFTER, wait_s)], problem.hint(format!("try again in {wait_s} s"))).into_response()
            }
            Self::Method(allowed) => (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allowed)]).into_response(),
        }
    }
}

/// Whole seconds, rounded up, since one who comes too early is refused again.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
