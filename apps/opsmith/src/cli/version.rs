use opsmith_host::cli::{Exit, Failure};
use serde_json::json;

use super::session::Session;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const EXAMPLES: &str = "\
Examples:
  opsmith version
  opsmith version --json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) fn run(session: &Session, _: &Args) -> Result<Exit, Failure> {
    if session.output.is_json() {
        session.output.json(&json!({ "name": "opsmith", "version": VERSION }))?;
    } else {
        session.output.line(&format!("opsmith {VERSION}"));
    }
    Ok(Exit::OK)
}
