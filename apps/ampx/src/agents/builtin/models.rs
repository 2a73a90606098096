use opsmith_host::config::process_env;
use opsmith_llm::{Provider, Wire};
use opsmith_model::Secret;

use crate::agents::AgentError;
use crate::config::AgentSettings;

/// How a person gives it a key.
pub(super) const LOGIN: &str = "set `ANTHROPIC_API_KEY` or `OPENAI_API_KEY`";
const ANTHROPIC_KEY: &str = "ANTHROPIC_API_KEY";
const OPENAI_KEY: &str = "OPENAI_API_KEY";
const CLAUDE: &str = "claude-sonnet-5-5";
const GPT: &str = "gpt-6.1-sol";

/// Which model is asked, and where.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) provider: Provider,
}

impl Model {
    /// The variable that the key came from.
    pub(super) fn key_variable(&self) -> Option<&'static str> {
        self.provider.key.as_ref()?;
        Some(match self.provider.wire {
            Wire::Messages => ANTHROPIC_KEY,
            Wire::OpenAi | Wire::Compatible => OPENAI_KEY,
        })
    }

    /// What the configuration names, else a model of the provider that there is a key for.
    ///
    /// A configured address needs no key: a server of one's own often has none.
    pub(super) fn choose(settings: &AgentSettings) -> Result<Self, AgentError> {
        let variable = |name| process_env(name).filter(|value| !value.is_empty());
        let (anthropic, openai) = (variable(ANTHROPIC_KEY), variable(OPENAI_KEY));
        let is_claude = match settings.model.as_deref() {
            Some(model) => model.starts_with("claude"),
            None => anthropic.is_some() || openai.is_none(),
        };
        let (key, base, default) = if is_claude {
            (anthropic, variable("ANTHROPIC_BASE_URL"), CLAUDE)
        } else {
            (openai, variable("OPENAI_BASE_URL"), GPT)
        };
        let base = settings.base_url.clone().or(base);
        let key = key.map(Secret::new);
        let mut provider = match (is_claude, key, &base) {
            (true, Some(key), _) => Provider::anthropic(key),
            (true, None, Some(_)) => Provider { key: None, ..Provider::anthropic(Secret::new("")) },
            (false, Some(key), None) => Provider::openai(key),
            (false, key, Some(base)) => Provider::compatible("openai-compatible", base, key),
            (_, None, None) => return Err(AgentError::NoLogin(LOGIN)),
        };
        if let Some(base) = base {
            provider.base_url = base;
        }
        Ok(Self { name: settings.model.clone().unwrap_or_else(|| default.to_owned()), provider })
    }
}
