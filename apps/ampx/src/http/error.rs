use axum::response::{IntoResponse, Response};
use opsmith_guard::Refusal;
use opsmith_host::http::Problem;
use opsmith_model::ErrorKind;

use crate::AmpxError;

/// What a route answers when it cannot do as asked: a [`Problem`] that names the field, or what is to be confirmed.
#[derive(Debug)]
pub(super) struct ApiError(pub(super) Problem);

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
        let AmpxError::Field { field, reason, hint } = &error else { return Self(Problem::from(error)) };
        // In a request a field that does not hold is the same whoever finds it.
        let problem = Problem::new(ErrorKind::Invalid, error.to_string()).field(field, reason.as_str());
        Self(match hint {
            Some(hint) => problem.hint(hint.as_str()),
            None => problem,
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
