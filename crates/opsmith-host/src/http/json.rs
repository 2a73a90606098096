use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use opsmith_model::ErrorKind;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Problem;

/// A JSON body, both ways; one that does not fit is answered with a [`Problem`] that names the field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // Also what keeps a page's plain form from being read as JSON.
        if !is_json(request.headers()) {
            let message = "the body must be JSON, sent with `Content-Type: application/json`";
            return Err(Problem::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(ErrorKind::TooLarge, "the body is larger than this server takes")
            } else {
                Problem::new(ErrorKind::Invalid, "the body ended early")
            }
        })?;
        let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            refusal(&path, error.inner())
        })?;
        deserializer.end().map_err(|error| refusal("", &error))?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    if !error.is_data() {
        return Problem::new(ErrorKind::Invalid, format!("the body is not JSON: {message}"));
    }
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(words, _)| words);
    field_problem(path, message).unwrap_or_else(|| Problem::new(ErrorKind::Invalid, format!("the body: {message}")))
}

/// The problem of a serde message about the field at `path`; `None` when no field can be named.
pub(super) fn field_problem(path: &str, message: &str) -> Option<Problem> {
    let parent = if matches!(path, "." | "?") { "" } else { path };
    let below = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") };
    let quoted = |rest: &str| rest.split_once('`').map(|(name, _)| name.to_owned());
    if let Some(name) = message.strip_prefix("missing field `").and_then(quoted) {
        return Some(Problem::invalid_field(&below(&name), "is required"));
    }
    if let Some(name) = message.strip_prefix("unknown field `").and_then(quoted) {
        // serde's path may already end with the field it does not know.
        let path = if parent.rsplit('.').next() == Some(&name) { parent.to_owned() } else { below(&name) };
        let known = message.split_once("`, ").map_or("", |(_, known)| known);
        return Some(Problem::invalid_field(&path, format!("is not known, {known}").trim_end_matches(", ")));
    }
    (!parent.is_empty()).then(|| Problem::invalid_field(parent, message))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
