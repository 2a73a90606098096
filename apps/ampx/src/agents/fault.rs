use serde::{Deserialize, Serialize};

/// The longest line of what an agent says.
const MOST_LINE_CHARS: usize = 400;

/// Why an agent's program could not finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFault {
    /// The sort of trouble.
    pub kind: FaultKind,
    /// The program's own words, one line.
    pub message: String,
}

/// The sorts of trouble that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The model's service does not know who asks.
    Auth,
    /// The account has nothing left to spend.
    Quota,
    /// Too much was asked in too short a time.
    RateLimited,
    /// The model's service is broken or out of reach.
    Unavailable,
    /// What came from the model could not be read.
    Malformed,
    /// The session to be resumed is not there.
    NoSuchSession,
    /// Anything else.
    Other,
}

impl FaultKind {
    /// What it means for the task, fit for "the agent could not work: …".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Auth => "its login was refused",
            Self::Quota => "its account has nothing left to spend",
            Self::RateLimited => "the model's service limits its rate",
            Self::Unavailable => "the model's service does not answer as it should",
            Self::Malformed => "the model's answers could not be read",
            Self::NoSuchSession => "its session is gone",
            Self::Other => "it reports an error",
        }
    }

    /// Whether it may be gone by itself at the next attempt.
    pub const fn may_pass(self) -> bool {
        match self {
            Self::RateLimited | Self::Unavailable | Self::Malformed | Self::NoSuchSession | Self::Other => true,
            Self::Auth | Self::Quota => false,
        }
    }
}

/// Words by which programs tell their trouble, the first that fits wins; all in lower case.
///
/// Seen from codex 0.169.0, opencode 1.18.33 and claude 2.1.197; the others from their documentation and issue trackers.
const TELLING: &[(FaultKind, &[&str])] = &[
    (FaultKind::NoSuchSession, &["no rollout found", "session not found", "no conversation found", "thread not found"]),
    (FaultKind::Quota, &["quota", "billing", "credit balance", "payment required", "usage limit", "out of credits"]),
    (
        FaultKind::Auth,
        &[
            "401 unauthorized",
            "403 forbidden",
            "status 401",
            "error: 401",
            "incorrect api key",
            "invalid api key",
            "missing api key",
            "api key not",
            "api key is",
            "invalid_api_key",
            "invalid x-api-key",
            "authentication",
            "unauthorized",
            "not logged in",
            "/login",
            "please log in",
            "token has expired",
            "missing environment variable",
        ],
    ),
    (FaultKind::RateLimited, &["429", "rate limit", "rate_limit", "too many requests"]),
    (
        FaultKind::Unavailable,
        &[
            "500 internal",
            "502 ",
            "503 ",
            "504 ",
            "529",
            "overloaded",
            "high demand",
            "server error",
            "server had an error",
            "stream disconnected",
            "stream closed",
            "connection",
            "error sending request",
            "fetch failed",
            "econn",
            "timed out",
            "timeout",
        ],
    ),
    (FaultKind::Malformed, &["json pars", "malformed", "unexpected token", "invalid json", "unterminated"]),
];

impl AgentFault {
    /// The fault that a message tells, with the HTTP status where the program gives one.
    pub fn told(message: &str, status: Option<u64>) -> Self {
        let lower = message.to_lowercase();
        let by_words =
            || TELLING.iter().find(|(_, words)| words.iter().any(|word| lower.contains(word))).map(|(kind, _)| *kind);
        // A spent account answers 429 or 403 like others do, and only its words tell.
        let kind = match status {
            Some(402) => FaultKind::Quota,
            Some(401 | 403 | 429) if by_words() == Some(FaultKind::Quota) => FaultKind::Quota,
            Some(401 | 403) => FaultKind::Auth,
            Some(429) => FaultKind::RateLimited,
            Some(500..=599) => FaultKind::Unavailable,
            _ => by_words().unwrap_or(FaultKind::Other),
        };
        Self::new(kind, message)
    }

    /// A fault of a known sort.
    pub fn new(kind: FaultKind, message: &str) -> Self {
        Self { kind, message: one_line(message) }
    }
}

/// The text as one bounded line.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = line.char_indices().nth(MOST_LINE_CHARS) {
        line.truncate(at);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_programs_tell_what_is_wrong() {
        use FaultKind::*;
        for (message, status, kind) in [
            (
                "unexpected status 401 Unauthorized: Incorrect API key provided: x., url: http://h/v1/responses",
                None,
                Auth,
            ),
            ("exceeded retry limit, last status: 429 Too Many Requests", None, RateLimited),
            ("Quota exceeded. Check your plan and billing details.", None, Quota),
            ("We’re currently experiencing high demand, which may cause temporary errors.", None, Unavailable),
            ("stream disconnected before completion: stream closed before response.completed", None, Unavailable),
            ("Error: thread/resume failed: no rollout found for thread id 0 (code -32600)", None, NoSuchSession),
            ("Incorrect API key provided: sk-stub.", Some(401), Auth),
            ("You exceeded your current quota, please check your plan", Some(429), Quota),
            ("Rate limit reached for requests", Some(429), RateLimited),
            ("The server had an error", Some(500), Unavailable),
            ("JSON parsing failed: Text: {\"id\": \"x.", None, Malformed),
            ("Invalid API key · Please run /login", None, Auth),
            ("API Error: 401 {\"error\":{\"type\":\"authentication_error\"}}", None, Auth),
            ("Credit balance is too low", None, Quota),
            ("the context is too long", Some(400), Other),
            ("", None, Other),
        ] {
            assert_eq!(AgentFault::told(message, status).kind, kind, "{message}");
        }
    }
}
