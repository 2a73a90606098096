use axum::response::{IntoResponse, Response};
use opsmith_guard::Refusal;
use opsmith_host::http::Problem;

use crate::AmpxError;

/// What a route answers when it cannot do as asked: a [`Problem`] that names the field, or what is to be confirmed.
#[derive(Debug)]
pub(super) struct ApiError(Problem);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<AmpxError> for ApiError {
    fn from(error: AmpxError) -> Self {
        if let AmpxError::Refused(Refusal::ConfirmationRequired(asked)) = &error {
            return Self(Problem::confirmation_required(asked.id, &asked.plan, asked.expires_at));
        }
        let field =
            if let AmpxError::Field { field, reason, .. } = &error { Some((*field, reason.clone())) } else { None };
        let problem = Problem::from(error);
        Self(match field {
            Some((name, reason)) => problem.field(name, reason),
            None => problem,
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
