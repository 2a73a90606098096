use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use opsmith_host::cli::{Exit, Failure};
use opsmith_model::ErrorKind;

use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  opsmith man | man -l -
  opsmith man ~/.local/share/man/man1

The folder gets pages of the products by their own names too, such as ampx-start.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Write a page for each command into this folder
    dir: Option<PathBuf>,
}

/// Writes the pages; `whole` is opsmith's own command with all below it.
pub(super) fn run(session: &Session, args: &Args, whole: Command) -> Result<Exit, Failure> {
    let Some(dir) = &args.dir else {
        let text = page(&built(whole));
        let text = text.map_err(|error| Failure::new(ErrorKind::Bug, format!("failed to write the page: {error}")))?;
        session.output.content(&text);
        return Ok(Exit::OK);
    };
    if session.globals.dry_run {
        return session.would(&format!("write manual pages into `{}`", dir.display()));
    }
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| write_pages(&built(whole), dir))
        .and_then(|()| write_pages(&built(ampx::cli::command()), dir));
    written.map_err(|error| {
        Failure::new(ErrorKind::Failed, format!("failed to write manual pages into `{}`: {error}", dir.display()))
    })?;
    session.output.note(&format!("manual pages are in {}", dir.display()));
    Ok(Exit::OK)
}

/// The command with the names of all below it filled in.
fn built(command: Command) -> Command {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    command
}

fn write_pages(command: &Command, dir: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    std::fs::write(dir.join(format!("{name}.1")), page(command)?)?;
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| write_pages(below, dir))
}

/// A page whose examples have a section of their own, line by line.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let product = concat!("opsmith ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(product).manual("Opsmith Manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|below| !below.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    let (examples, notes): (Vec<&str>, Vec<&str>) =
        after.split("\n\n").filter(|block| !block.is_empty()).partition(|block| block.starts_with("Examples:\n"));
    if !notes.is_empty() {
        page.write_all(b".SH NOTES\n")?;
    }
    for block in notes {
        let lines: Vec<String> = block.lines().map(escaped).collect();
        page.write_all(b".PP\n")?;
        page.write_all(lines.join("\n.br\n").as_bytes())?;
        page.write_all(b"\n")?;
    }
    for block in examples {
        page.write_all(b".SH EXAMPLES\n.nf\n")?;
        for line in block.lines().skip(1) {
            writeln!(page, "{}", escaped(line.trim_start()))?;
        }
        page.write_all(b".fi\n")?;
    }
    Ok(page)
}

/// The line as troff prints it: no character of it is an instruction.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    format!("\\&{line}")
}
