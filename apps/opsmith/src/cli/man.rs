use std::path::PathBuf;

use clap::Command;
use clap_mangen::{Man, generate_to};
use opsmith_host::cli::{Exit, Failure};
use opsmith_model::ErrorKind;

use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  opsmith man | man -l -
  opsmith man ~/.local/share/man/man1";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write a page for each command into this folder
    dir: Option<PathBuf>,
}

/// Writes the pages; `whole` is opsmith's own command with all below it.
pub(super) fn run(session: &Session, args: &Args, whole: Command) -> Result<Exit, Failure> {
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        let rendered = Man::new(whole).render(&mut page);
        rendered.map_err(|error| Failure::new(ErrorKind::Bug, format!("failed to write the manual page: {error}")))?;
        session.output.content(&page);
        return Ok(Exit::OK);
    };
    if session.globals.dry_run {
        return session.would(&format!("write manual pages into `{}`", dir.display()));
    }
    std::fs::create_dir_all(dir).and_then(|()| generate_to(whole, dir)).map_err(|error| {
        Failure::new(ErrorKind::Failed, format!("failed to write manual pages into `{}`: {error}", dir.display()))
    })?;
    session.output.note(&format!("manual pages are in {}", dir.display()));
    Ok(Exit::OK)
}
