//! What a provider's refusal means: one table for both wires, by status, code and words.

use std::time::Duration;

use serde_json::Value;

use crate::{LlmError, Redactor};

const MAX_MESSAGE_CHARS: usize = 500;

/// A refusal as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    status: u16,
    /// The API's words for it, its type and its code.
    words: String,
    message: String,
    retry_after: Option<Duration>,
}

impl Refused {
    /// Of an answer that is not a 2xx. `body` may be anything.
    pub(crate) fn of_answer(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let parsed: Option<Value> = serde_json::from_slice(body).ok();
        let mut refused = match &parsed {
            Some(body) => Self::of_object(body.get("error").unwrap_or(body)),
            // A proxy's page.
            None => Self { message: String::from_utf8_lossy(body).into_owned(), ..Self::default() },
        };
        refused.status = status;
        refused.retry_after = retry_after;
        refused
    }

    /// Of an error within a stream, which has no status of its own.
    pub(crate) fn of_event(error: &Value) -> Self {
        let mut refused = Self::of_object(error);
        refused.status = match error["code"].as_u64().and_then(|code| u16::try_from(code).ok()) {
            Some(code) if code >= 400 => code,
            _ => status_of(&refused.words),
        };
        refused
    }

    fn of_object(error: &Value) -> Self {
        let word = |name: &str| error[name].as_str().unwrap_or_default();
        let message = ["message", "detail", "msg"].into_iter().map(word).find(|text| !text.is_empty());
        let message = message.or(error.as_str()).unwrap_or_default();
        Self { words: format!("{} {}", word("type"), word("code")), message: message.to_owned(), ..Self::default() }
    }

    /// The error that this is, to `provider` asked for `model`; `secret` and what `redactor` finds are taken out.
    pub(crate) fn into_error(self, provider: &str, model: &str, secret: Option<&str>, redactor: &Redactor) -> LlmError {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        let mut message = self.message.replace(['\n', '\r', '\t'], " ");
        if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
            message = message.replace(secret, "***");
        }
        let message: String = redactor.text(message.trim()).chars().take(MAX_MESSAGE_CHARS).collect();
        let said = message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| said.contains(words) || self.words.contains(words));
        match self.status {
            401 => LlmError::Unauthenticated { provider },
            402 => LlmError::OutOfQuota { provider, message },
            403 if says(BILLING) => LlmError::OutOfQuota { provider, message },
            403 => LlmError::Forbidden { provider, message },
            400 | 404 if says(&["model_not_found"]) => LlmError::NoSuchModel { provider, model },
            404 if says(&["model"]) => LlmError::NoSuchModel { provider, model },
            413 => LlmError::TooLarge { provider },
            400 | 422 if says(CONTEXT) => LlmError::ContextTooLong { model, message },
            400 if says(BILLING) => LlmError::OutOfQuota { provider, message },
            429 if says(BILLING) => LlmError::OutOfQuota { provider, message },
            429 => LlmError::RateLimited { provider, retry_after: self.retry_after },
            529 | 503 => LlmError::Overloaded { provider, retry_after: self.retry_after },
            408 | 500..=599 => LlmError::Broken { provider, status: self.status, message },
            status => LlmError::Rejected { provider, status, message },
        }
    }
}

/// Nothing left on the account, as the APIs' codes and sentences say it.
const BILLING: &[&str] = &[
    "insufficient_quota",
    "billing_error",
    "billing_hard_limit",
    "credit balance is too low",
    "exceeded your current quota",
];

/// More than the model can read, likewise; the last ones are those of servers that run open models.
const CONTEXT: &[&str] = &[
    "context_length_exceeded",
    "prompt is too long",
    "exceed context limit",
    "maximum context length",
    "context window",
    "context size",
];

/// The status of Anthropic's error types and of OpenAI's codes.
fn status_of(words: &str) -> u16 {
    const STATUSES: &[(&str, u16)] = &[
        ("overloaded_error", 529),
        ("rate_limit", 429),
        ("insufficient_quota", 429),
        ("authentication_error", 401),
        ("invalid_api_key", 401),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("request_too_large", 413),
        ("invalid_request_error", 400),
        ("context_length_exceeded", 400),
    ];
    STATUSES.iter().find(|(word, _)| words.contains(word)).map_or(500, |(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;

    fn told(status: u16, body: &Value) -> String {
        let refused = Refused::of_answer(status, None, body.to_string().as_bytes());
        format!("{:?}", refused.into_error("p", "m", None, &Redactor::none()))
    }

    #[test]
    fn both_apis_refusals_are_told_apart() {
        let anthropic =
            |kind: &str, message: &str| json!({ "type": "error", "error": { "type": kind, "message": message } });
        let openai = |code: &str, message: &str| json!({ "error": { "message": message, "type": "x", "code": code } });
        for (status, body, name) in [
            (401, anthropic("authentication_error", "invalid x-api-key"), "Unauthenticated"),
            (401, openai("invalid_api_key", "Incorrect API key provided"), "Unauthenticated"),
            (403, anthropic("permission_error", "no"), "Forbidden"),
            (403, openai("unsupported_country", "no"), "Forbidden"),
            (404, anthropic("not_found_error", "model: claude-x"), "NoSuchModel"),
            (404, openai("model_not_found", "The model `x` does not exist"), "NoSuchModel"),
            (400, openai("model_not_found", "no such thing"), "NoSuchModel"),
            (404, json!({ "detail": "Not Found" }), "Rejected"),
            (400, anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "ContextTooLong"),
            (400, openai("context_length_exceeded", "too long"), "ContextTooLong"),
            (400, json!({ "message": "This model's maximum context length is 8" }), "ContextTooLong"),
            (400, anthropic("invalid_request_error", "Your credit balance is too low to access"), "OutOfQuota"),
            (429, openai("insufficient_quota", "You exceeded your current quota"), "OutOfQuota"),
            (402, json!({}), "OutOfQuota"),
            (429, anthropic("rate_limit_error", "slow down"), "RateLimited"),
            (429, openai("rate_limit_exceeded", "slow down"), "RateLimited"),
            (413, anthropic("request_too_large", "big"), "TooLarge"),
            (529, anthropic("overloaded_error", "Overloaded"), "Overloaded"),
            (503, openai("x", "overloaded"), "Overloaded"),
            (500, anthropic("api_error", "oops"), "Broken"),
            (504, json!("gateway"), "Broken"),
            (400, anthropic("invalid_request_error", "messages: empty"), "Rejected"),
            (302, json!({}), "Rejected"),
        ] {
            let told = told(status, &body);
            assert!(told.starts_with(name), "{status} {body}: {told}");
        }
    }

    #[test]
    fn an_error_in_a_stream_is_the_same_error() {
        for (error, name) in [
            (json!({ "type": "overloaded_error", "message": "Overloaded" }), "Overloaded"),
            (json!({ "type": "rate_limit_error", "message": "x" }), "RateLimited"),
            (json!({ "code": 429, "message": "x" }), "RateLimited"),
            (json!({ "code": "context_length_exceeded", "message": "x" }), "ContextTooLong"),
            (json!({ "type": "api_error", "message": "x" }), "Broken"),
            (json!("a word"), "Broken"),
        ] {
            let told = format!("{:?}", Refused::of_event(&error).into_error("p", "m", None, &Redactor::none()));
            assert!(told.starts_with(name), "{error}: {told}");
        }
    }

    #[test]
    fn a_message_is_short_one_line_and_without_secrets() {
        let redactor = Redactor::new(|text| Cow::Owned(text.replace("token-1", "<SECRET_HASH_1>")));
        let body = format!("<html>\nkey sk-live is wrong, token-1 {}", "é".repeat(1000));
        let refused = Refused::of_answer(400, None, body.as_bytes());
        let LlmError::Rejected { message, .. } = refused.into_error("p", "m", Some("sk-live"), &redactor) else {
            panic!("another error")
        };
        assert!(message.starts_with("<html> key *** is wrong, <SECRET_HASH_1> é"), "{message}");
        assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS);
    }
}
