use std::collections::BTreeMap;
use std::error::Error;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use opsmith_model::{ConfirmationId, ErrorKind, Hint, Plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::layers::request_id;
use crate::causes::causes;
use crate::redaction::redact;

/// An error as a client sees it: `application/problem+json` (RFC 9457) with the platform's own members.
///
/// Any error with a [`Hint`] converts; its causes go to the log, never to the client.
#[derive(Clone, Debug)]
pub struct Problem(Box<ProblemBody>);

/// The wire shape of a [`Problem`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: `error` tells problems apart.
    #[serde(rename = "type", default)]
    pub type_uri: String,
    /// The HTTP status in words.
    #[serde(default)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// The same as `message`, under its RFC 9457 name.
    #[serde(default)]
    pub detail: String,
    /// A stable word for the kind of error, such as `not_found`.
    pub error: String,
    /// What happened, for a person.
    pub message: String,
    /// Finds this request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// For invalid input: what is wrong, by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// With `confirmation_required`: what to confirm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation_id: Option<String>,
    /// With `confirmation_required`: the plan that waits for a person's yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Value>,
    /// With `confirmation_required`: the digest that the yes must name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// With `confirmation_required`: the end of the time to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

impl ProblemBody {
    /// The kind that `error` names, or else the one nearest to the status.
    pub fn kind(&self) -> ErrorKind {
        serde_json::from_value(Value::String(self.error.clone())).unwrap_or_else(|_| kind_of(self.status))
    }
}

/// The kind that a bare status stands for.
fn kind_of(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        408 | 503 | 504 => ErrorKind::Unavailable,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        502 => ErrorKind::Failed,
        500.. => ErrorKind::Bug,
        _ => ErrorKind::Invalid,
    }
}

impl Problem {
    /// A problem of `kind`. The message of a [`ErrorKind::Bug`] goes to the log and not to the client.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        match kind {
            ErrorKind::Bug => {
                tracing::error!(error.message = message, "internal error");
                Self::bug()
            }
            kind => Self::plain(kind, &message),
        }
    }

    /// Invalid input in one field.
    pub fn invalid_field(name: &str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::plain(ErrorKind::Invalid, &format!("`{name}`: {reason}")).field(name, reason)
    }

    /// The policy wants a person's yes to `plan` first.
    pub fn confirmation_required(id: ConfirmationId, plan: &Plan, expires_at: DateTime<Utc>) -> Self {
        let mut problem = Self::plain(ErrorKind::ConfirmationRequired, "a person must confirm this first");
        problem.0.confirmation_id = Some(id.to_string());
        problem.0.plan = serde_json::to_value(plan).ok();
        problem.0.digest = Some(plan.digest().to_string());
        problem.0.expires_at = Some(expires_at);
        problem.hint(format!("confirm it with `opsmith confirm yes {id}`"))
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(redact(&hint.into()).into_owned());
        self
    }

    /// Adds what is wrong with one field.
    pub fn field(mut self, name: &str, reason: impl Into<String>) -> Self {
        self.0.fields.insert(name.to_owned(), redact(&reason.into()).into_owned());
        self
    }

    /// What will be sent, without the request id.
    pub fn body(&self) -> &ProblemBody {
        &self.0
    }

    /// A problem that only HTTP has, with its own status and word.
    pub(super) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = kind_of(status.as_u16());
        let mut problem = Self::plain(kind, &message.into());
        problem.0.status = status.as_u16();
        problem.0.title = status.canonical_reason().unwrap_or("Error").to_owned();
        if kind.http_status() != status.as_u16() {
            problem.0.error = problem.0.title.to_ascii_lowercase().replace(' ', "_");
        }
        problem
    }

    /// Something of ours is wrong; what, is in the log by now.
    pub(super) fn bug() -> Self {
        Self::plain(ErrorKind::Bug, "an internal error; the server's log has it under this request id")
    }

    /// What every problem is made by; a secret in its words goes here.
    fn plain(kind: ErrorKind, message: &str) -> Self {
        let (status, message) = (kind.http_status(), redact(message).into_owned());
        let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
        Self(Box::new(ProblemBody {
            type_uri: "about:blank".to_owned(),
            title: title.to_owned(),
            status,
            detail: message.clone(),
            error: kind.as_str().to_owned(),
            message,
            request_id: None,
            hint: None,
            fields: BTreeMap::new(),
            confirmation_id: None,
            plan: None,
            digest: None,
            expires_at: None,
        }))
    }
}

impl<E: Error + Hint> From<E> for Problem {
    fn from(error: E) -> Self {
        let kind = error.kind();
        match kind {
            ErrorKind::Bug => {
                let causes = causes(&error).join(": ");
                tracing::error!(error.message = %error, error.causes = causes, "internal error");
                return Self::bug();
            }
            ErrorKind::Damaged => {
                let causes = causes(&error).join(": ");
                tracing::error!(error.message = %error, error.causes = causes, "what is stored does not hold");
            }
            ErrorKind::Failed | ErrorKind::Unavailable => {
                let causes = causes(&error).join(": ");
                tracing::warn!(error.message = %error, error.causes = causes, "request failed");
            }
            ErrorKind::Invalid
            | ErrorKind::Usage
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Unauthenticated
            | ErrorKind::Denied
            | ErrorKind::ConfirmationRequired
            | ErrorKind::TooLarge
            | ErrorKind::RateLimited => {}
        }
        let problem = Self::plain(kind, &error.to_string());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.0.request_id = request_id();
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&*self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_what_is_sent() {
        use utoipa::{PartialSchema as _, ToSchema as _};

        assert_eq!(ProblemBody::name(), "Problem");
        let schema = serde_json::to_value(ProblemBody::schema()).unwrap();
        let sent = serde_json::to_value(Problem::invalid_field("repo", "is required").body()).unwrap();
        for name in sent.as_object().unwrap().keys() {
            assert!(schema["properties"].get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_client_reads_the_kind_back_from_the_body_or_the_status() {
        let sent = Problem::new(ErrorKind::Conflict, "it is queued").hint("wait");
        let read: ProblemBody = serde_json::from_str(&serde_json::to_string(sent.body()).unwrap()).unwrap();
        assert_eq!(&read, sent.body());
        assert_eq!(read.kind(), ErrorKind::Conflict);
        let other = Problem::with_status(StatusCode::METHOD_NOT_ALLOWED, "no");
        assert_eq!((other.body().status, other.body().error.as_str()), (405, "method_not_allowed"));
        assert_eq!(other.body().kind(), ErrorKind::Invalid);
    }
}
