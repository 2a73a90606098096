//! The two wires: how a [`Request`] is written and how answers, whole or in events, become a [`Draft`].

mod chat;
mod messages;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::draft::Draft;
use crate::refusal::Refused;
use crate::schema::is_closed;
use crate::{Provider, ProviderError, Request, Wire};

/// What one event of a stream brought.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing that a reader sees.
    Quiet,
    /// Words.
    Text(String),
    /// The answer is whole.
    End,
}

/// Why an answer is not one.
#[derive(Debug)]
pub(crate) enum BadAnswer {
    /// It is not what the wire says.
    Garbled(&'static str),
    /// The provider reports an error within a stream.
    Refused(Refused),
}

impl Provider {
    /// The body of a request, before redaction.
    pub(crate) fn body(&self, request: &Request) -> Value {
        let by_field = self.takes_schema(request);
        let told = request.output.as_ref().filter(|_| !by_field).map(|output| {
            let words =
                format!("Answer with JSON alone, without a code fence, that fits this JSON schema:\n{}", output.schema);
            let system = request.system.as_deref().map_or(words.clone(), |system| format!("{system}\n\n{words}"));
            Request { system: Some(system), output: None, ..request.clone() }
        });
        let request = told.as_ref().unwrap_or(request);
        match self.wire {
            Wire::Messages => messages::body(request, self.streaming),
            Wire::OpenAi | Wire::Compatible => chat::body(request, self.streaming, self.limit_field()),
        }
    }

    /// Whether the request's schema goes by the wire's own field. Both take only schemas whose objects are closed.
    fn takes_schema(&self, request: &Request) -> bool {
        self.schemas && request.output.as_ref().is_some_and(|output| is_closed(&output.schema))
    }

    /// The field of a body that limits the tokens of its answer.
    pub(crate) fn limit_field(&self) -> &'static str {
        match self.wire {
            // OpenAI's reasoning models refuse the older name.
            Wire::OpenAi => "max_completion_tokens",
            Wire::Messages | Wire::Compatible => "max_tokens",
        }
    }

    /// The headers that carry the key and the wire's version.
    pub(crate) fn headers(&self) -> Result<HeaderMap, ProviderError> {
        let mut headers = HeaderMap::new();
        if self.wire == Wire::Messages {
            headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));
        }
        let Some(key) = &self.key else { return Ok(headers) };
        let (name, value) = match self.wire {
            Wire::Messages => (HeaderName::from_static("x-api-key"), key.expose().to_owned()),
            Wire::OpenAi | Wire::Compatible => (AUTHORIZATION, format!("Bearer {}", key.expose())),
        };
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| ProviderError::BadKey { provider: self.name.clone() })?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(headers)
    }
}

impl Wire {
    /// Takes one event's data into the draft.
    pub(crate) fn take(self, draft: &mut Draft, data: &str) -> Result<Step, BadAnswer> {
        match self {
            Self::Messages => messages::take(draft, data),
            Self::OpenAi | Self::Compatible => chat::take(draft, data),
        }
    }

    /// Reads an answer that came whole.
    pub(crate) fn whole(self, body: &[u8]) -> Result<Draft, BadAnswer> {
        match self {
            Self::Messages => messages::whole(body),
            Self::OpenAi | Self::Compatible => chat::whole(body),
        }
    }
}
