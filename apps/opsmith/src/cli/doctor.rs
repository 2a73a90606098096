use opsmith_host::cli::{Exit, Failure};

use super::session::Session;
use crate::CATALOGUE;

const EXAMPLES: &str = "\
Examples:
  opsmith doctor
  opsmith doctor --json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

pub(super) async fn run(session: &Session, _: &Args) -> Result<Exit, Failure> {
    ampx::cli::doctor(session.globals.clone(), &CATALOGUE).await
}
