use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Usd;

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The provider's id of the answer, for its support.
    pub id: Option<String>,
    /// The model that answered, as the provider names it; the one asked for where it does not.
    pub model: String,
    /// What it said, in order; give it back unchanged in the next request.
    pub parts: Vec<AssistantPart>,
    /// Why it stopped; `None` where it was broken off.
    pub stop: Option<StopReason>,
    /// The natural logarithm of each token's probability, where it was asked for and told.
    pub logprobs: Option<Vec<f64>>,
    /// What it took.
    pub usage: Usage,
    /// What that cost; `None` where the price or the usage is not known. An answer of the cache costs nothing.
    pub cost: Option<Usd>,
    /// Where the answer came from.
    pub origin: Origin,
}

impl Completion {
    /// Its words, without tool calls.
    pub fn text(&self) -> String {
        let words = self.parts.iter().filter_map(|part| match part {
            AssistantPart::Text(text) => Some(text.as_str()),
            AssistantPart::ToolCall(_) | AssistantPart::Opaque(_) => None,
        });
        words.collect()
    }

    /// Its tool calls.
    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            AssistantPart::ToolCall(call) => Some(call),
            AssistantPart::Text(_) | AssistantPart::Opaque(_) => None,
        })
    }
}

/// Where a completion came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The provider, now.
    Provider,
    /// The response cache.
    Cache,
    /// A cassette.
    Cassette,
}

/// A part of a model's turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssistantPart {
    /// Words.
    Text(String),
    /// A call of a tool.
    ToolCall(ToolCall),
    /// A block of the provider's own, such as signed thinking; it wants it back as it was.
    Opaque(Value),
}

/// A model's call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The id that the result refers to.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments as the model wrote them: JSON, unless it erred.
    pub arguments: String,
}

impl ToolCall {
    /// Reads the arguments; the error says what is wrong in words for the model.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.arguments)
    }
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It had said all.
    EndTurn,
    /// The request's `max_tokens` were written.
    MaxTokens,
    /// It wrote one of the request's stop texts.
    StopSequence,
    /// It wants tools to be run.
    ToolUse,
    /// It or the provider's filter declined.
    Refusal,
    /// The model's context is full.
    ContextFull,
    /// The provider paused a long turn; send the answer back to go on.
    Paused,
    /// A word that this build does not know.
    Other(String),
}

/// Tokens of one answer, in kinds that do not overlap; what the provider did not tell stays unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read anew. Where the provider does not tell of its cache, all that was read.
    pub input: Option<u64>,
    /// Read from the provider's prompt cache.
    pub cache_read: Option<u64>,
    /// Written to it.
    pub cache_write: Option<u64>,
    /// Written as the answer, thinking included.
    pub output: Option<u64>,
}

impl Usage {
    /// All tokens; unknown where what was read or written is.
    pub fn total(&self) -> Option<u64> {
        Some(self.all_input()?.saturating_add(self.output?))
    }

    /// Everything that was read, from a cache or not.
    pub fn all_input(&self) -> Option<u64> {
        let cached = self.cache_read.unwrap_or(0).saturating_add(self.cache_write.unwrap_or(0));
        Some(self.input?.saturating_add(cached))
    }

    /// Both together; unknown where one is.
    pub(crate) fn and(self, other: Self) -> Self {
        let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
        Self {
            input: sum(self.input, other.input),
            cache_read: sum(self.cache_read, other.cache_read),
            cache_write: sum(self.cache_write, other.cache_write),
            output: sum(self.output, other.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_beyond_all_counting_are_the_most_there_is_and_never_few() {
        let all = Usage { input: Some(1), cache_read: Some(u64::MAX), cache_write: Some(2), output: Some(u64::MAX) };
        assert_eq!((all.all_input(), all.total()), (Some(u64::MAX), Some(u64::MAX)));
        assert_eq!(all.and(all).output, Some(u64::MAX));
    }
}
