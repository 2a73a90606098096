//! ampx's settings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use opsmith_host::config::{Config, ConfigError, Kind, Origin, Setting};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::NetworkSetting;
use crate::agents::{self, Agent};

/// A check that fails more often than this is not red by chance.
const MOST_RERUNS: u32 = 5;

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
    Setting::new("ampx.agent_max_turns", Kind::Integer, "how often an agent may use its tools in one attempt")
        .default_value("500"),
    Setting::new("ampx.agent_memory_mib", Kind::Integer, "memory of an agent's or CI command's processes together")
        .default_value("8192"),
    Setting::new(
        "ampx.amp_command",
        Kind::String,
        "program of the agent `amp`, and its first arguments with quotes as in a shell",
    )
    .env(&["AMP_COMMAND"]),
    Setting::new("ampx.budget_usd", Kind::Float, "what a task may cost, in US dollars"),
    Setting::new(
        "ampx.agents.*.kind",
        Kind::String,
        "builtin, codex, claude, amp, opencode, acp, aider, mini, command or script",
    ),
    Setting::new("ampx.agents.*.command", Kind::StringList, "program and its first arguments, where it is another"),
    Setting::new("ampx.agents.*.args", Kind::StringList, "more arguments, after those of the adapter"),
    Setting::new("ampx.agents.*.model", Kind::String, "model that the program is told to use"),
    Setting::new("ampx.agents.*.base_url", Kind::String, "address of the API that a built-in agent asks"),
    Setting::new("ampx.agents.*.prompt", Kind::String, "how a command gets the prompt: stdin, arg or file"),
    Setting::new(
        "ampx.agents.*.env",
        Kind::StringList,
        "variables of this machine that the program gets, such as HOME",
    ),
    Setting::new("ampx.agents.*.network", Kind::Any, "what the program may reach: on, off, or a list of host:port"),
    Setting::new("ampx.agents.*.script", Kind::String, "file with the recorded edits of a script agent"),
    Setting::new("ampx.agents.*.litter", Kind::StringList, "patterns of files that the agent leaves and nobody wants"),
    Setting::new("ampx.ci.provider", Kind::String, "auto, github, act, command or none").default_value("\"auto\""),
    Setting::new("ampx.ci.command", Kind::String, "shell command that is the CI of provider `command`"),
    Setting::new("ampx.ci.act", Kind::String, "program that runs the repository's workflows").default_value("\"act\""),
    Setting::new("ampx.ci.network", Kind::Any, "what the check may reach: on, off, or a list of host:port")
        .default_value("\"on\""),
    Setting::new("ampx.ci.local_first", Kind::Bool, "check before the push where it can be done here")
        .default_value("true"),
    Setting::new("ampx.ci.grace_s", Kind::Seconds, "how long to wait for a forge's CI to appear").default_value("120"),
    Setting::new("ampx.ci.reruns", Kind::Integer, "how often a red check is run again before it counts, at most 5")
        .default_value("1"),
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
    /// How often an agent may use its tools in one attempt.
    pub agent_max_turns: u32,
    /// Memory of an agent's or CI command's processes together.
    pub agent_memory_mib: u64,
    /// The program of the agent `amp` and its first arguments, where its own table names none; empty for its usual one.
    #[serde(default, deserialize_with = "command_line")]
    pub amp_command: Vec<String>,
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
    /// The program and its first arguments; the adapter knows its own.
    #[serde(default)]
    pub command: Vec<String>,
    /// More arguments, after those of the adapter.
    #[serde(default)]
    pub args: Vec<String>,
    /// The model that the program is told to use.
    pub model: Option<String>,
    /// The address of the API that a built-in agent asks.
    pub base_url: Option<String>,
    /// How the program gets the prompt.
    #[serde(default)]
    pub prompt: PromptVia,
    /// Variables of this machine that the program gets.
    #[serde(default)]
    pub env: Vec<String>,
    /// What the program may reach.
    #[serde(default)]
    pub network: NetworkSetting,
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
    /// The agent that needs no program.
    Builtin,
    /// OpenAI's codex.
    Codex,
    /// Anthropic's claude.
    Claude,
    /// Sourcegraph's amp.
    Amp,
    /// opencode.
    Opencode,
    /// Any program that speaks the Agent Client Protocol.
    Acp,
    /// aider.
    Aider,
    /// mini-swe-agent.
    Mini,
    /// Any program.
    Command,
    /// A recorded list of edits.
    Script,
}

impl AgentKind {
    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Codex => "codex",
            Self::Claude => "claude",
            Self::Amp => "amp",
            Self::Opencode => "opencode",
            Self::Acp => "acp",
            Self::Aider => "aider",
            Self::Mini => "mini",
            Self::Command => "command",
            Self::Script => "script",
        }
    }
}

impl AgentSettings {
    /// An agent of that kind and nothing else said.
    pub(crate) fn of(kind: AgentKind) -> Self {
        Self {
            kind,
            command: Vec::new(),
            args: Vec::new(),
            model: None,
            base_url: None,
            prompt: PromptVia::default(),
            env: Vec::new(),
            network: NetworkSetting::default(),
            script: None,
            litter: Vec::new(),
        }
    }
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
    /// The program of provider `act`.
    pub act: String,
    /// What the check may reach.
    pub network: NetworkSetting,
    /// Check before the push.
    pub local_first: bool,
    /// How long to wait for a forge's CI.
    pub grace_s: u64,
    /// How often a red check is run again before it counts.
    pub reruns: u32,
    /// Longest a check may take.
    pub timeout_s: u64,
}

/// The providers that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CiProvider {
    /// The command where there is one, else the CI of the GitHub that has the repository, else its workflows.
    Auto,
    /// The CI of the GitHub that has the repository.
    GitHub,
    /// The repository's workflows, run here.
    Act,
    /// The configured command.
    Command,
    /// There is no CI, and the user says so.
    None,
}

impl Settings {
    /// Reads the typed values.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        let settings: Self = config.section("ampx")?;
        let reruns = settings.ci.reruns;
        if reruns > MOST_RERUNS {
            let (key, reason) = ("ampx.ci.reruns", format!("must be 0 to {MOST_RERUNS}, is {reruns}"));
            let origin = config.origin(key).cloned().unwrap_or(Origin::Default);
            return Err(ConfigError::Invalid { key: key.to_owned(), origin, reason });
        }
        Ok(settings)
    }

    /// The agent of that name: a configured one, or a program that needs no configuration.
    pub fn agent(&self, name: &str) -> Option<Cow<'_, AgentSettings>> {
        let agent = self.agents.get(name).map(Cow::Borrowed);
        let lacks_command = agent.as_ref().is_none_or(|agent| agent.command.is_empty());
        let mut agent = agent.or_else(|| agents::known(name).map(Cow::Owned))?;
        if name == AgentKind::Amp.as_str() && lacks_command && !self.amp_command.is_empty() {
            agent.to_mut().command.clone_from(&self.amp_command);
        }
        Some(agent)
    }

    /// The agent of a task that names none: the first configured one that is ready, else `amp` where its command was
    /// given, else the first known program that is installed.
    pub fn default_agent(&self) -> Option<&str> {
        let configured = || self.agents.keys().map(String::as_str);
        self.agent
            .as_deref()
            .or_else(|| configured().find(|name| Agent::of(self, name).is_ok_and(|agent| agent.is_there())))
            .or_else(|| configured().next())
            .or_else(|| (!self.amp_command.is_empty()).then_some(AgentKind::Amp.as_str()))
            .or_else(|| agents::first_installed())
    }
}

/// The words of a line, as a shell parts them; no shell sees it.
fn command_line<'de, D: Deserializer<'de>>(line: D) -> Result<Vec<String>, D::Error> {
    let line = String::deserialize(line)?;
    shlex::split(&line).ok_or_else(|| D::Error::custom("a quote in it has no end"))
}
