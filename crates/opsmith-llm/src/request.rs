use serde_json::Value;

use crate::AssistantPart;

/// What a model is asked, whatever the provider's wire.
#[derive(Clone, Debug)]
pub struct Request {
    /// The model's name, as the provider knows it.
    pub model: String,
    /// The system prompt.
    pub system: Option<String>,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may, must or must not call one.
    pub tool_choice: ToolChoice,
    /// The most tokens it may write, thinking included.
    pub max_tokens: u32,
    /// Left to the provider where `None`; several models refuse any.
    pub temperature: Option<f64>,
    /// Texts at which it stops.
    pub stop: Vec<String>,
    /// The JSON that the answer's text must be.
    pub output: Option<OutputSchema>,
    /// Whether to tell how likely each token was. Only chat completions can, and not for every model.
    pub logprobs: bool,
    /// What of the request the provider may keep for the next one.
    pub prompt_caching: PromptCaching,
    /// Whether the answer may come from the response cache.
    pub caching: Caching,
}

impl Request {
    /// One user message to `model`, with everything else off.
    pub fn new(model: impl Into<String>, text: impl Into<String>, max_tokens: u32) -> Self {
        Self {
            model: model.into(),
            system: None,
            messages: vec![Message::user(text)],
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            max_tokens,
            temperature: None,
            stop: Vec::new(),
            output: None,
            logprobs: false,
            prompt_caching: PromptCaching::Off,
            caching: Caching::Deterministic,
        }
    }

    /// Whether the response cache may answer and learn.
    pub(crate) fn may_be_cached(&self) -> bool {
        match self.caching {
            Caching::Never => false,
            Caching::Deterministic => self.temperature == Some(0.0),
            Caching::Always => true,
        }
    }
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// From the user, or from the tools on the user's behalf.
    User(Vec<UserPart>),
    /// From the model: what a [`Completion`](crate::Completion) had, unchanged.
    Assistant(Vec<AssistantPart>),
}

impl Message {
    /// A user's words.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User(vec![UserPart::Text(text.into())])
    }
}

/// A part of a user's turn.
#[derive(Clone, Debug, PartialEq)]
pub enum UserPart {
    /// Words.
    Text(String),
    /// What a tool answered.
    ToolResult {
        /// The id of the call.
        call_id: String,
        /// What the tool says.
        content: String,
        /// Whether it failed.
        is_error: bool,
    },
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does and when to call it.
    pub description: String,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// Whether the model calls a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it sees fit.
    Auto,
    /// Not this time.
    None,
    /// It must, whichever; models that always think may refuse this.
    Required,
    /// It must call this one; likewise.
    Named(String),
}

/// The JSON that an answer must be.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputSchema {
    /// A name for the wire: letters, digits, `_` and `-`.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
}

/// What the provider is asked to keep. OpenAI's kind decides by itself, so there it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptCaching {
    /// Nothing.
    Off,
    /// Tools and system prompt.
    Prefix,
    /// Also the conversation so far, for one that goes on.
    Conversation,
}

/// When the response cache is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Never.
    Never,
    /// Where the temperature is 0.
    Deterministic,
    /// Always; an earlier answer to the same request is as good as a new one.
    Always,
}
