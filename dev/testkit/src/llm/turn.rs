use serde_json::Value;

/// What the model does with one request.
#[derive(Clone, Debug)]
pub enum Turn {
    /// It answers.
    Say {
        /// In words; may be empty.
        text: String,
        /// And with these tools.
        tools: Vec<ToolUse>,
        /// What it says that this took.
        tokens: Tokens,
    },
    /// The API refuses, with an error object of its own form.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The API's word for it, such as `invalid_api_key`.
        code: &'static str,
        /// The API's sentence.
        message: &'static str,
        /// The header of that name.
        retry_after_s: Option<u32>,
    },
    /// An event whose JSON is not JSON, then the end.
    Malformed,
    /// A stream that ends in the middle of a line.
    HalfLine,
    /// A stream that goes on for ever and tells nothing.
    Endless,
    /// The request is taken and never answered.
    Hang,
}

/// One use of a tool.
#[derive(Clone, Debug)]
pub struct ToolUse {
    /// The tool's name, as the program offers it.
    pub name: &'static str,
    /// Its arguments.
    pub arguments: Value,
}

/// What one answer took.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    /// All tokens read, the cached ones among them.
    pub input: u64,
    /// Of these, from the cache.
    pub cached: u64,
    /// Tokens written.
    pub output: u64,
}

impl Turn {
    /// An answer in words alone, of 100 tokens read and 20 written.
    pub fn text(text: &str) -> Self {
        Self::Say { text: text.to_owned(), tools: Vec::new(), tokens: Tokens { input: 100, cached: 0, output: 20 } }
    }

    /// The use of one tool, of 1,000 tokens read and 50 written.
    pub fn tool(name: &'static str, arguments: Value) -> Self {
        Self::Say {
            text: String::new(),
            tools: vec![ToolUse { name, arguments }],
            tokens: Tokens { input: 1000, cached: 400, output: 50 },
        }
    }

    /// The key is not accepted.
    pub fn unauthorized() -> Self {
        let message = "Incorrect API key provided: stub.";
        Self::Refuse { status: 401, code: "invalid_api_key", message, retry_after_s: None }
    }

    /// Too many requests; come again in a second.
    pub fn rate_limited() -> Self {
        let message = "Rate limit reached for requests";
        Self::Refuse { status: 429, code: "rate_limit_exceeded", message, retry_after_s: Some(1) }
    }

    /// Nothing left on the account.
    pub fn out_of_quota() -> Self {
        let message = "You exceeded your current quota, please check your plan and billing details.";
        Self::Refuse { status: 429, code: "insufficient_quota", message, retry_after_s: None }
    }

    /// The API itself is broken.
    pub fn broken() -> Self {
        Self::Refuse { status: 500, code: "server_error", message: "The server had an error", retry_after_s: None }
    }
}
