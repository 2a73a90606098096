use std::path::Path;

use opsmith_forge::url::{RepoUrl, RepoUrlError};
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
        let url = RepoUrl::parse(&self.repo).map_err(|error| no_repository(&self.repo, &error))?;
        check_prompt(&self.prompt)?;
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

    /// The agent that is asked for; else, until the repository may name another, the default one.
    fn checked_agent(&self, settings: &Settings) -> Result<String, AmpxError> {
        let Some(agent) = self.agent.as_deref().or_else(|| settings.default_agent()) else {
            return Err(AmpxError::Field {
                field: "agent",
                reason: "is not given, and none is configured or installed".to_owned(),
                hint: Some(
                    "install one that `ampx agents` lists, or add `[ampx.agents.NAME]` to opsmith.toml".to_owned(),
                ),
            });
        };
        if settings.agent(agent).is_some() {
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

/// Checks what an agent is asked to do.
pub(crate) fn check_prompt(prompt: &str) -> Result<(), AmpxError> {
    let chars = prompt.chars().count();
    let reason = if prompt.trim().is_empty() {
        "is empty".to_owned()
    } else if chars > MOST_PROMPT_CHARS {
        format!("must have at most {MOST_PROMPT_CHARS} characters, has {chars}")
    } else {
        return Ok(());
    };
    Err(AmpxError::Field { field: "prompt", reason, hint: Some("say what the agent is to do".to_owned()) })
}

fn no_repository(given: &str, error: &RepoUrlError) -> AmpxError {
    let (reason, hint) = match error {
        RepoUrlError::Relative => ("is not a whole address", whole_address(given).or_else(|| error.hint())),
        RepoUrlError::Empty
        | RepoUrlError::TooLong
        | RepoUrlError::ControlCharacter
        | RepoUrlError::LeadingDash
        | RepoUrlError::RemoteHelper
        | RepoUrlError::Scheme(_)
        | RepoUrlError::Credentials
        | RepoUrlError::ParentFolder
        | RepoUrlError::Malformed(_) => ("is not a repository", error.hint()),
    };
    AmpxError::Field { field: "repo", reason: format!("{reason}: {error}"), hint }
}

/// What was probably meant by an address without its beginning: a folder below this process's own, or a web address.
fn whole_address(given: &str) -> Option<String> {
    let given = given.trim_matches(' ');
    let folder = Path::new(given).canonicalize().ok().filter(|path| path.is_dir());
    if let Some(folder) = folder.as_deref().and_then(Path::to_str) {
        return Some(format!("give its whole path: `{folder}`"));
    }
    let host = given.split('/').next().unwrap_or_default();
    let like_a_host = host.contains('.') && host.contains(|c: char| c.is_ascii_alphanumeric());
    let address = format!("https://{given}");
    (like_a_host && given.contains('/') && RepoUrl::parse(&address).is_ok())
        .then(|| format!("did you mean `{address}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_its_beginning_is_told_whole() {
        let here = std::fs::canonicalize("src").unwrap();
        for (given, hint) in [
            ("src", format!("give its whole path: `{}`", here.display())),
            ("./src", format!("give its whole path: `{}`", here.display())),
            ("src/../src", format!("give its whole path: `{}`", here.display())),
            ("example.com/acme/api", "did you mean `https://example.com/acme/api`?".to_owned()),
            ("no/such/folder", "or an absolute path".to_owned()),
            ("../no/such/folder", "or an absolute path".to_owned()),
        ] {
            let error = no_repository(given, &RepoUrl::parse(given).unwrap_err());
            assert!(error.to_string().contains("`repo` is not a whole address"), "{error}");
            assert!(error.hint().is_some_and(|told| told.ends_with(&hint)), "{given}: {:?}", error.hint());
        }
    }
}
