use opsmith_host::cli::{Cell, Exit, Failure, Tone};
use opsmith_host::config::{Config, Platform};
use opsmith_sandbox::Sandbox;
use serde_json::json;

use super::session::Session;
use crate::SandboxChoice;
use crate::agents::{Agent, AgentError, AgentStatus, BuiltinAgent, statuses};
use crate::config::Settings;
use crate::models::Terms;

const EXAMPLES: &str = "\
Examples:
  ampx agents
  ampx agents --json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) async fn run(session: &Session<'_>, _: &Args) -> Result<Exit, Failure> {
    let config = session.config()?;
    let settings = Settings::resolve(&config)?;
    let sandbox = SandboxChoice::of(&Platform::resolve(&config)?, &config).make_to_look().await?;
    let (agents, default) = (on_this_machine(&config, &settings, &sandbox).await?, settings.default_agent());
    if session.output.is_json() {
        session.output.json(&json!({ "agents": agents, "default": default }))?;
        return Ok(Exit::OK);
    }
    let row = |agent: &AgentStatus| {
        let state = match (agent.ready, agent.found) {
            (true, _) => Cell::toned("ready", Tone::Good),
            (false, true) => Cell::toned("not ready", Tone::Bad),
            (false, false) => Cell::toned("not found", Tone::Dim),
        };
        let verified = match &agent.verification {
            Some(how) if agent.verified => Cell::from(how.as_str()),
            Some(why) => Cell::toned(format!("no: {why}"), Tone::Dim),
            None => Cell::from(""),
        };
        // That a program is not found stands in its state already.
        let reason = agent.reason.as_deref().filter(|_| agent.found);
        let name = if default == Some(agent.name.as_str()) { "default" } else { "" };
        vec![
            Cell::toned(&agent.name, Tone::Strong),
            Cell::from(&agent.kind),
            Cell::from(&agent.program),
            Cell::from(agent.version.as_deref().unwrap_or_default()),
            state,
            verified,
            Cell::toned(reason.unwrap_or(name), Tone::Dim),
        ]
    };
    let rows: Vec<Vec<Cell>> = agents.iter().map(row).collect();
    session.output.table(&["AGENT", "KIND", "PROGRAM", "VERSION", "STATE", "VERIFIED", ""], &rows);
    if default.is_none() {
        session.output.note("no agent is installed; install one of these, or add `[ampx.agents.NAME]` to opsmith.toml");
    }
    Ok(Exit::OK)
}

/// Every agent, asked on this machine; each program answers in a folder that goes again.
pub(super) async fn on_this_machine(
    config: &Config,
    settings: &Settings,
    sandbox: &Sandbox,
) -> Result<Vec<AgentStatus>, Failure> {
    let terms = Terms::resolve(config)?;
    let folder = tempfile::tempdir().map_err(|source| AgentError::Write { path: std::env::temp_dir(), source })?;
    let mut agents = statuses(settings, sandbox, folder.path()).await;
    for status in &mut agents {
        if let Ok(Agent::Builtin(agent)) = Agent::of(settings, &status.name) {
            terms_of(status, &agent, &terms);
        }
    }
    Ok(agents)
}

/// Tells of a built-in agent, which has no version of its own, by which key and on what terms it asks its model.
fn terms_of(status: &mut AgentStatus, agent: &BuiltinAgent, terms: &Terms) {
    if !status.ready {
        return;
    }
    let key = agent.key_variable().map_or_else(|| "no key".to_owned(), |name| format!("key of {name}"));
    status.version = Some(format!("{key}; {}", terms.describe(&status.program)));
    status.reason = terms.obstacle(&status.program);
    status.ready = status.reason.is_none();
}
