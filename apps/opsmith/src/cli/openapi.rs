use opsmith_host::cli::{Exit, Failure};
use opsmith_model::ErrorKind;

use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  opsmith openapi > openapi/opsmith.json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) fn run(session: &Session, _: &Args) -> Result<Exit, Failure> {
    let text = crate::http::openapi().to_pretty_json();
    let text = text.map_err(|error| Failure::new(ErrorKind::Bug, format!("the description is not JSON: {error}")))?;
    session.output.content(format!("{text}\n").as_bytes());
    Ok(Exit::OK)
}
