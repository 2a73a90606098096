use axum::extract::FromRequestParts;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use opsmith_host::http::Problem;

const HEADER: &str = "Idempotency-Key";
const MOST_CHARS: usize = 255;

/// The request's own name, under which it is done once however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdempotencyKey(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut sent = parts.headers.get_all(HEADER).iter();
        match (sent.next(), sent.next()) {
            (None, _) => Ok(Self(None)),
            (Some(value), None) => Ok(Self(Some(key(value)?))),
            (Some(_), Some(_)) => Err(Problem::invalid_field(HEADER, "is sent more than once")),
        }
    }
}

fn key(value: &HeaderValue) -> Result<String, Problem> {
    let text = value.to_str().unwrap_or("");
    let holds = (1..=MOST_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let reason = || format!("must have 1 to {MOST_CHARS} visible ASCII characters");
    if holds { Ok(text.to_owned()) } else { Err(Problem::invalid_field(HEADER, reason())) }
}
