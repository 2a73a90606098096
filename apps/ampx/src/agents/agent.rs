use opsmith_sandbox::Access;

use super::builtin::BuiltinAgent;
use super::command::CommandAgent;
use super::launch::Launch;
use super::preset::{PRESETS, Verified, named};
use super::program::ProgramAgent;
use super::script::ScriptAgent;
use super::{AgentError, AgentReport, Job};
use crate::config::{AgentKind, AgentSettings, Settings};

/// An agent, ready to run.
#[derive(Debug)]
pub enum Agent {
    /// The one that needs no program.
    Builtin(BuiltinAgent),
    /// Any program.
    Command(CommandAgent),
    /// A program whose output is understood.
    Program(ProgramAgent),
    /// A recorded list of edits.
    Script(ScriptAgent),
}

/// The settings of an agent that needs none in the configuration.
pub(crate) fn known(name: &str) -> Option<AgentSettings> {
    if name == AgentKind::Builtin.as_str() {
        return Some(AgentSettings::of(AgentKind::Builtin));
    }
    let preset = named(name)?;
    let command = preset.command.iter().map(|word| (*word).to_owned()).collect();
    Some(AgentSettings { command, ..AgentSettings::of(preset.kind) })
}

/// The first known agent whose program is on this machine, the verified ones first; else the built-in one, given a key.
pub(crate) fn first_installed() -> Option<&'static str> {
    let is_found = |name: &str| {
        let launch = known(name).and_then(|settings| Launch::new(name, &settings, &[]).ok());
        launch.is_some_and(|launch| launch.found().is_ok())
    };
    let builtin = BuiltinAgent::new(&AgentSettings::of(AgentKind::Builtin));
    let program = PRESETS.iter().map(|preset| preset.name).find(|name| is_found(name));
    program.or_else(|| builtin.check().is_ok().then_some(AgentKind::Builtin.as_str()))
}

impl Agent {
    /// The agent of that name.
    pub fn of(settings: &Settings, name: &str) -> Result<Self, AgentError> {
        let settings = settings.agent(name).ok_or_else(|| AgentError::NotConfigured(name.to_owned()))?;
        match settings.kind {
            AgentKind::Builtin => Ok(Self::Builtin(BuiltinAgent::new(&settings))),
            AgentKind::Command => Ok(Self::Command(CommandAgent::new(name, &settings)?)),
            AgentKind::Script => Ok(Self::Script(ScriptAgent::new(name, &settings)?)),
            AgentKind::Codex
            | AgentKind::Claude
            | AgentKind::Amp
            | AgentKind::Opencode
            | AgentKind::Acp
            | AgentKind::Aider
            | AgentKind::Mini => Ok(Self::Program(ProgramAgent::new(name, &settings)?)),
        }
    }

    /// Runs one go.
    pub async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        match self {
            Self::Builtin(agent) => agent.run(job).await,
            Self::Command(agent) => agent.run(job).await,
            Self::Program(agent) => agent.run(job).await,
            Self::Script(agent) => agent.run(job).await,
        }
    }

    /// What of this machine its program touches beside the tree, its home and its temporary folder: it reads itself,
    /// a login that it renews it writes, and it reaches what the configuration says.
    pub fn access(&self) -> Access {
        match self {
            Self::Command(agent) => agent.access(),
            Self::Program(agent) => agent.access(),
            Self::Builtin(_) | Self::Script(_) => Access::default(),
        }
    }

    /// Patterns of what it leaves in the tree and nobody wants.
    pub fn litter(&self) -> Vec<String> {
        match self {
            Self::Builtin(_) | Self::Command(_) | Self::Script(_) => Vec::new(),
            Self::Program(agent) => agent.preset.litter.iter().map(|pattern| (*pattern).to_owned()).collect(),
        }
    }

    /// How a person logs its program in.
    pub fn login(&self) -> Option<&'static str> {
        match self {
            Self::Builtin(_) => Some(BuiltinAgent::login()),
            Self::Command(_) | Self::Script(_) => None,
            Self::Program(agent) => Some(agent.preset.login),
        }
    }

    pub(super) fn launch(&self) -> Option<&Launch> {
        match self {
            Self::Command(agent) => Some(&agent.launch),
            Self::Program(agent) => Some(&agent.launch),
            Self::Builtin(_) | Self::Script(_) => None,
        }
    }

    pub(super) fn program(&self) -> String {
        match self {
            Self::Command(agent) => agent.launch.program.clone(),
            Self::Program(agent) => agent.launch.program.clone(),
            Self::Builtin(agent) => agent.model(),
            Self::Script(agent) => agent.file().display().to_string(),
        }
    }

    pub(super) fn verified(&self) -> Option<Verified> {
        match self {
            Self::Builtin(_) | Self::Command(_) | Self::Script(_) => None,
            Self::Program(agent) => Some(agent.preset.verified),
        }
    }

    /// Whether its program or its file is on this machine.
    pub(crate) fn is_there(&self) -> bool {
        self.launch().map_or_else(|| self.check().is_ok(), |launch| launch.found().is_ok())
    }

    /// Whether it can be used.
    pub(super) fn check(&self) -> Result<(), AgentError> {
        match self {
            Self::Command(agent) => agent.launch.found().map(drop),
            Self::Program(agent) => {
                agent.launch.found()?;
                if agent.has_login() { Ok(()) } else { Err(AgentError::NoLogin(agent.preset.login)) }
            }
            Self::Builtin(agent) => agent.check(),
            Self::Script(agent) => agent.check(),
        }
    }
}
