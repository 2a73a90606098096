use opsmith_host::cli::{Cell, Exit, Failure, Output, Tone};
use opsmith_host::config::{Config, Origin};
use opsmith_model::{ErrorKind, nearest};
use serde_json::json;

use super::session::Session;
use crate::config::Settings;

const EXAMPLES: &str = "\
Examples:
  ampx config
  ampx config --origin";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Show also where each value came from
    #[arg(long)]
    origin: bool,
}

pub(super) fn run(session: &Session<'_>, args: &Args) -> Result<Exit, Failure> {
    show_config(session.output, &session.config()?, args.origin)
}

/// Prints every setting with its value, secrets masked; with `origin`, also where it came from.
pub fn show_config(output: Output, config: &Config, origin: bool) -> Result<Exit, Failure> {
    let settings = config.rows();
    if output.is_json() {
        output.json(&json!({ "file": config.file(), "settings": settings }))?;
        return Ok(Exit::OK);
    }
    let rows: Vec<Vec<Cell>> = settings
        .iter()
        .map(|row| {
            let value = match &row.value {
                Some(value) => Cell::from(value),
                None => Cell::toned("(not set)", Tone::Dim),
            };
            let mut cells = vec![Cell::from(&row.key), value];
            if origin {
                let from = row.reference.as_ref().map_or_else(String::new, |reference| format!(", {reference}"));
                cells.push(Cell::toned(format!("{}{from}", row.origin), Tone::Dim));
            }
            cells
        })
        .collect();
    let headers = ["KEY", "VALUE", "ORIGIN"];
    output.table(if origin { &headers } else { &headers[..2] }, &rows);
    Ok(Exit::OK)
}

/// Reads ampx's settings and checks what their types cannot: `ampx.agent` names an agent that is configured.
pub fn checked_settings(config: &Config) -> Result<Settings, Failure> {
    let settings = Settings::resolve(config)?;
    let Some(agent) = settings.agent.as_deref().filter(|agent| !settings.agents.contains_key(*agent)) else {
        return Ok(settings);
    };
    let origin = config.origin("ampx.agent").unwrap_or(&Origin::Default);
    let failure =
        Failure::new(ErrorKind::Usage, format!("`ampx.agent` ({origin}) names no configured agent: `{agent}`"));
    Err(failure.with_hint(match nearest(agent, settings.agents.keys().map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("add `[ampx.agents.{agent}]`, or name one that `ampx agents` lists"),
    }))
}
