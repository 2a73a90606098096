//! ampx's settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use opsmith_host::config::{Config, ConfigError, Kind, Setting};
use serde::Deserialize;

use crate::agents::statuses;

/// Every setting of ampx; the variables are those that the original read.
pub const SETTINGS: &[Setting] = &[
    Setting::new("ampx.agent", Kind::String, "agent where task and repository name none; else the first one installed"),
    Setting::new("ampx.max_attempts", Kind::Integer, "attempts a task may take at a go")
        .env(&["WORKER_MAX_RETRIES"])
        .default_value("3"),
    Setting::new("ampx.retry_delay_s", Kind::Seconds, "wait before the second attempt, doubled each time, at most 900")
        .env(&["WORKER_RETRY_DELAY"])
        .default_value("60"),
    Setting::new("ampx.poll_interval_s", Kind::Seconds, "how often a forge without webhooks is asked")
        .env(&["WORKER_POLL_INTERVAL"])
        .default_value("30"),
    Setting::new("ampx.concurrent_tasks", Kind::Integer, "tasks a worker takes at once")
        .env(&["WORKER_CONCURRENT_TASKS"])
        .default_value("1"),
    Setting::new("ampx.per_repository", Kind::Integer, "tasks of one repository that run at once, over all workers")
        .default_value("4"),
    Setting::new("ampx.agent_timeout_s", Kind::Seconds, "longest an agent may take for one attempt")
        .env(&["AMP_TIMEOUT"])
        .default_value("3600"),
    Setting::new("ampx.agent_memory_mib", Kind::Integer, "memory of an agent's or CI command's processes together")
        .default_value("8192"),
    Setting::new("ampx.budget_usd", Kind::Float, "what a task may cost, in US dollars"),
    Setting::new("ampx.agents.*.kind", Kind::String, "`command` or `script`"),
    Setting::new("ampx.agents.*.command", Kind::StringList, "program and arguments of a command agent"),
    Setting::new("ampx.agents.*.prompt", Kind::String, "how the program gets the prompt: stdin, arg or file"),
    Setting::new(
        "ampx.agents.*.env",
        Kind::StringList,
        "variables of this machine that the program gets, such as HOME",
    ),
    Setting::new("ampx.agents.*.script", Kind::String, "file with the recorded edits of a script agent"),
    Setting::new("ampx.agents.*.litter", Kind::StringList, "patterns of files that the agent leaves and nobody wants"),
    Setting::new("ampx.ci.provider", Kind::String, "auto, command or none").default_value("\"auto\""),
    Setting::new("ampx.ci.command", Kind::String, "shell command that is the CI of provider `command`"),
    Setting::new("ampx.ci.local_first", Kind::Bool, "check before the push where it can be done here")
        .default_value("true"),
    Setting::new("ampx.ci.grace_s", Kind::Seconds, "how long to wait for a forge's CI to appear").default_value("120"),
    Setting::new("ampx.ci.timeout_s", Kind::Seconds, "longest the CI command may take").default_value("3600"),
];

/// ampx's settings, resolved.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Agent of tasks where neither they nor their repository name one.
    pub agent: Option<String>,
    /// Attempts a task may take at a go.
    pub max_attempts: u32,
    /// Wait before the second attempt, doubled each time.
    pub retry_delay_s: u64,
    /// How often a forge without webhooks is asked.
    pub poll_interval_s: u64,
    /// Tasks a worker takes at once.
    pub concurrent_tasks: usize,
    /// Tasks of one repository at once.
    pub per_repository: u32,
    /// Longest an agent may take for one attempt.
    pub agent_timeout_s: u64,
    /// Memory of an agent's or CI command's processes together.
    pub agent_memory_mib: u64,
    /// What a task may cost.
    pub budget_usd: Option<f64>,
    /// The configured agents by name.
    #[serde(default)]
    pub agents: BTreeMap<String, AgentSettings>,
    /// The CI.
    pub ci: CiSettings,
}

/// One configured agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Which adapter drives it.
    pub kind: AgentKind,
    /// Program and arguments of a command agent.
    #[serde(default)]
    pub command: Vec<String>,
    /// How the program gets the prompt.
    #[serde(default)]
    pub prompt: PromptVia,
    /// Variables of this machine that the program gets.
    #[serde(default)]
    pub env: Vec<String>,
    /// The recorded edits of a script agent.
    pub script: Option<PathBuf>,
    /// Patterns of files that the agent leaves and nobody wants.
    #[serde(default)]
    pub litter: Vec<String>,
}

/// The adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentKind {
    /// Any program.
    Command,
    /// A recorded list of edits.
    Script,
}

/// How a program gets its prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PromptVia {
    /// On standard input.
    #[default]
    Stdin,
    /// As the last argument.
    Arg,
    /// In a file, whose path is the last argument.
    File,
}

/// The CI of tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiSettings {
    /// Which provider.
    pub provider: CiProvider,
    /// The command of provider `command`.
    pub command: Option<String>,
    /// Check before the push.
    pub local_first: bool,
    /// How long to wait for a forge's CI.
    pub grace_s: u64,
    /// Longest the command may take.
    pub timeout_s: u64,
}

/// The providers that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CiProvider {
    /// The command where there is one.
    Auto,
    /// The configured command.
    Command,
    /// There is no CI, and the user says so.
    None,
}

impl Settings {
    /// Reads the typed values.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        config.section("ampx")
    }

    /// The agent where nobody names one: the configured one, else the first by name that is installed, else the first
    /// by name, whose run says what it lacks.
    pub fn default_agent(&self) -> Option<&str> {
        self.agent.as_deref().or_else(|| {
            let statuses = statuses(self);
            let installed = statuses.iter().find(|status| status.ready).or_else(|| statuses.first())?;
            self.agents.get_key_value(&installed.name).map(|(name, _)| name.as_str())
        })
    }
}
