use opsmith_forge::url::RepoUrl;
use opsmith_model::{Hint, TaskId, nearest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AmpxError;
use crate::config::Settings;

const MOST_PROMPT_CHARS: usize = 50_000;
const MOST_ATTEMPTS: u32 = 20;
const MOST_LABELS: usize = 20;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// Git URL, or an absolute local path.
    pub repo: String,
    /// What the agent is to do; 1 to 50,000 characters.
    pub prompt: String,
    /// The agent's name in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The branch to start from; the remote's HEAD where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// How many attempts it may take, 1 to 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// What it may cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// Whether edits to tests and CI pass without a person.
    #[serde(default)]
    pub allow_test_edits: bool,
    /// Words to find it by; at most 20.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// What a new task is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Created {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TaskId,
    /// The branch it works on.
    pub branch: String,
}

/// A request that holds.
pub(crate) struct Checked {
    pub(crate) url: RepoUrl,
    pub(crate) agent: String,
    pub(crate) max_attempts: u32,
}

impl NewTask {
    /// Checks every field against the settings.
    pub(crate) fn check(&self, settings: &Settings) -> Result<Checked, AmpxError> {
        let url = RepoUrl::parse(&self.repo).map_err(|error| AmpxError::Field {
            field: "repo",
            reason: format!("is not a repository: {error}"),
            hint: error.hint(),
        })?;
        let chars = self.prompt.chars().count();
        if self.prompt.trim().is_empty() || chars > MOST_PROMPT_CHARS {
            return Err(AmpxError::field(
                "prompt",
                format!("must have 1 to {MOST_PROMPT_CHARS} characters, has {chars}"),
            ));
        }
        let max_attempts = self.max_attempts.unwrap_or(settings.max_attempts);
        if !(1..=MOST_ATTEMPTS).contains(&max_attempts) {
            return Err(AmpxError::field("max_attempts", format!("must be 1 to {MOST_ATTEMPTS}, is {max_attempts}")));
        }
        if self.budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
            return Err(AmpxError::field("budget_usd", "must be more than 0"));
        }
        if self.labels.len() > MOST_LABELS || self.labels.iter().any(|label| label.is_empty() || label.len() > 100) {
            return Err(AmpxError::field(
                "labels",
                format!("must be at most {MOST_LABELS}, of 1 to 100 characters each"),
            ));
        }
        if let Some(base) = self.base.as_deref()
            && (base.is_empty() || base.starts_with('-') || base.len() > 255)
        {
            return Err(AmpxError::field("base", "must be the name of a branch"));
        }
        Ok(Checked { url, agent: self.checked_agent(settings)?, max_attempts })
    }

    fn checked_agent(&self, settings: &Settings) -> Result<String, AmpxError> {
        let Some(agent) = self.agent.as_deref().or_else(|| settings.default_agent()) else {
            return Err(AmpxError::Field {
                field: "agent",
                reason: "is not given, and none is configured".to_owned(),
                hint: Some("add `[ampx.agents.NAME]` to opsmith.toml".to_owned()),
            });
        };
        if settings.agents.contains_key(agent) {
            return Ok(agent.to_owned());
        }
        let known = nearest(agent, settings.agents.keys().map(String::as_str));
        let hint = match known {
            Some(name) => format!("did you mean `{name}`?"),
            None => "see the agents with `ampx agents`".to_owned(),
        };
        Err(AmpxError::Field {
            field: "agent",
            reason: format!("names no configured agent: `{agent}`"),
            hint: Some(hint),
        })
    }
}
