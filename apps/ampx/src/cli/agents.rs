use opsmith_host::cli::{Cell, Exit, Failure, Tone};
use serde_json::json;

use super::session::Session;
use crate::agents::statuses;
use crate::config::Settings;

const EXAMPLES: &str = "\
Examples:
  ampx agents
  ampx agents --json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) fn run(session: &Session<'_>, _: &Args) -> Result<Exit, Failure> {
    let settings = Settings::resolve(&session.config()?)?;
    let (agents, default) = (statuses(&settings), settings.default_agent());
    if session.output.is_json() {
        session.output.json(&json!({ "agents": agents, "default": default }))?;
        return Ok(Exit::OK);
    }
    let rows: Vec<Vec<Cell>> = agents
        .iter()
        .map(|agent| {
            let state =
                if agent.ready { Cell::toned("ready", Tone::Good) } else { Cell::toned("not ready", Tone::Bad) };
            let name = if default == Some(agent.name.as_str()) { "default" } else { "" };
            let why = agent.reason.as_deref().unwrap_or_default();
            vec![
                Cell::toned(&agent.name, Tone::Strong),
                Cell::from(&agent.kind),
                Cell::from(&agent.program),
                state,
                Cell::toned(if why.is_empty() { name } else { why }, Tone::Dim),
            ]
        })
        .collect();
    session.output.table(&["AGENT", "KIND", "PROGRAM", "STATE", ""], &rows);
    if agents.is_empty() {
        session.output.note("no agent is configured; add `[ampx.agents.NAME]` to opsmith.toml");
    }
    Ok(Exit::OK)
}
