use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::limit::Limited;
use super::{FieldError, GitHubError};

/// Longer sentences are cut: they go into logs and summaries.
const MAX_MESSAGE_CHARS: usize = 300;

/// The body of an answer that is no success; every field may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    message: String,
    errors: Vec<serde_json::Value>,
}

/// What an answer without success means.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It was not done; ask again when the limit allows.
    Limited(Limited),
    /// GitHub has a fault; whether it was done is not known.
    Broken(u16),
    /// Final.
    Error(GitHubError),
}

/// Reads an answer without success; `secret` is taken out of what it says.
pub(super) fn read(status: u16, headers: &HeaderMap, body: &[u8], subject: &str, secret: &str) -> Refusal {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let message = clean(&body.message, secret);
    let subject = subject.to_owned();
    if let Some(limited) = Limited::read(status, headers, &message) {
        return Refusal::Limited(limited);
    }
    Refusal::Error(match status {
        500.. => return Refusal::Broken(status),
        401 => GitHubError::Unauthenticated { subject, message },
        403 => GitHubError::Forbidden { subject, needs: needs(headers), message },
        404 => GitHubError::NotFound { subject },
        405 | 409 => GitHubError::Conflict { subject, message },
        410 => GitHubError::Gone { subject, message },
        451 => GitHubError::Withheld { subject },
        300..=399 => GitHubError::Moved { subject },
        _ => {
            let fields = body.errors.iter().take(20).map(|error| field(error, secret)).collect();
            GitHubError::Rejected { subject, message, fields }
        }
    })
}

fn field(error: &serde_json::Value, secret: &str) -> FieldError {
    // GitHub's errors are objects, and here and there plain sentences.
    let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str).map(|text| clean(text, secret));
    let parts: Vec<String> = [text("resource"), text("field")].into_iter().flatten().collect();
    FieldError {
        field: parts.join("."),
        code: text("code").unwrap_or_else(|| "custom".to_owned()),
        message: text("message").or_else(|| error.as_str().map(|text| clean(text, secret))),
    }
}

/// The permission that would have sufficed, as the headers name it.
fn needs(headers: &HeaderMap) -> Option<String> {
    let text =
        |name: &str| headers.get(name)?.to_str().ok().map(|text| clean(text, "")).filter(|text| !text.is_empty());
    text("x-accepted-github-permissions").or_else(|| text("x-accepted-oauth-scopes"))
}

/// A foreign sentence on one line, without controls and without the secret.
pub(super) fn clean(text: &str, secret: &str) -> String {
    // Controls go first: a secret that is broken up by them would be whole without them.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let text = if secret.is_empty() { text } else { text.replace(secret, "***") };
    text.chars().take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use opsmith_model::{ErrorKind, Hint as _};

    use super::*;

    fn error(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> GitHubError {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        match read(status, &headers, body.as_bytes(), "`acme/api`", "s3cret") {
            Refusal::Error(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_status_has_its_own_meaning() {
        for (status, kind, part) in [
            (401, ErrorKind::Unauthenticated, "does not accept"),
            (403, ErrorKind::Denied, "forbids"),
            (404, ErrorKind::NotFound, "or hides it"),
            (409, ErrorKind::Conflict, "in conflict"),
            (410, ErrorKind::NotFound, "no longer has"),
            (422, ErrorKind::Invalid, "refuses"),
            (451, ErrorKind::NotFound, "legal"),
            (301, ErrorKind::Conflict, "renamed"),
        ] {
            for body in ["{\"message\":\"m\"}", "", "<html>", "[]", "{\"message\":5}", "{\"errors\":{}}"] {
                let error = error(status, &[], body);
                assert!(error.kind() == kind && error.to_string().contains(part), "{status}: {error}");
            }
        }
    }

    #[test]
    fn the_missing_permission_is_named() {
        let error =
            error(403, &[("x-accepted-github-permissions", "checks=read")], r#"{"message":"Resource not accessible"}"#);
        assert!(error.to_string().contains("without the permission `checks=read`"), "{error}");
        assert!(error.hint().unwrap().contains("checks=read"));
    }

    #[test]
    fn fields_are_told_in_both_forms_and_secrets_are_not() {
        let body = r#"{"message":"Validation\nFailed s3cret","errors":[
            {"resource":"PullRequest","field":"base","code":"invalid"},"a sentence",{"code":"custom","message":"No commits"}]}"#;
        let error = error(422, &[], body);
        assert_eq!(
            error.to_string(),
            "GitHub refuses `acme/api`: ValidationFailed ***; `PullRequest.base`: invalid; a sentence; No commits"
        );
    }

    #[test]
    fn a_secret_in_pieces_is_taken_out_too() {
        let error = error(422, &[], "{\"message\":\"it was s3\\u0007cr\\net\"}");
        assert_eq!(error.to_string(), "GitHub refuses `acme/api`: it was ***");
    }

    #[test]
    fn faults_of_the_server_may_pass() {
        for status in [500, 502, 503, 504] {
            assert!(matches!(read(status, &HeaderMap::new(), b"", "x", ""), Refusal::Broken(_)));
        }
    }
}
