//! The gateway to models: one request and one answer of our own, over two wires.
//!
//! [`Client::complete`] and [`Client::stream`] send a [`Request`] to a [`Provider`] that speaks Anthropic's Messages or
//! OpenAI's chat completions. On the way out each text passes the [`Redactor`], a [`Budget`] takes the worst case, and
//! a [`RateLimiter`] keeps the pace; on the way back come a [`Completion`], its [`Usage`] and its cost by the
//! [`PriceTable`]. [`Client::complete_as`] asks for JSON of a schema. [`Cassette`]s record and replay, a
//! [`ResponseCache`] answers again, and [`PromptRegistry`] keeps prompts as versioned files.
//!
//! Absent on purpose: tools and the loop that runs them, putting back what was redacted, and reading the environment.
//!
//! Start at [`Client`].

mod budget;
mod cache;
mod cassette;
mod client;
mod completion;
mod draft;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod limiter;
mod measure;
mod migrations;
mod price;
mod prompts;
mod provider;
mod redact;
mod refusal;
mod request;
mod retry;
mod schema;
mod sse;
mod stream;
mod structured;
mod transport;
mod usd;
mod wire;

pub use budget::{Budget, BudgetError, Limits, Spent};
pub use cache::{CacheError, CacheOptions, ResponseCache};
pub use cassette::{Cassette, CassetteError};
pub use client::{Client, ClientOptions};
pub use completion::{AssistantPart, Completion, Origin, StopReason, ToolCall, Usage};
pub use error::{LlmError, Phase};
pub use limiter::{Rate, RateLimiter};
pub use measure::begin_measuring;
pub use migrations::migrations;
pub use price::{Price, PriceError, PriceTable, Rates};
pub use prompts::{Prompt, PromptError, PromptFinding, PromptRegistry, RenderedPrompt, VariableType};
pub use provider::{Provider, ProviderError, Wire};
pub use redact::Redactor;
pub use request::{Caching, Message, OutputSchema, PromptCaching, Request, Tool, ToolChoice, UserPart};
pub use retry::Retries;
pub use stream::{CompletionStream, StreamEvent};
pub use structured::Structured;
pub use transport::Timeouts;
pub use usd::Usd;
