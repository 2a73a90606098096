//! Repository chores, run as `cargo run -p xtask -- <chore>`.
//!
//! Each chore is pure functions over what was read once: [`tree::read`] brings in the files, [`tree::workspace`] the
//! crates, and the checks turn them into [`finding::Finding`]s. Absent on purpose: mending anything.
//!
//! Start at [`tidy::check`].

mod commit;
mod coverage;
mod finding;
mod homes;
mod layers;
mod manifests;
mod places;
mod rust_source;
mod size;
mod tidy;
mod tree;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::finding::Finding;

const USAGE: &str = "\
usage: cargo run -p xtask -- <chore>
  tidy                  check dependency rule, homes, file sizes, manifests, machine paths
  commit-message FILE   check the subject line of a commit message
  coverage REPORT.json  check an `llvm-cov export` summary against the thresholds
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::check(),
        ["commit-message", file] => read(file).map(|message| commit::check(&message)),
        ["coverage", report] => read(report).and_then(|json| coverage_of(&json)),
        ["help" | "--help" | "-h"] => {
            say(&mut std::io::stdout(), USAGE);
            return ExitCode::SUCCESS;
        }
        _ => {
            say(&mut std::io::stderr(), USAGE);
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            let mut text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
            text.push_str(&format!("{}: {} to mend\n", words[0], findings.len()));
            say(&mut std::io::stderr(), &text);
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&mut std::io::stderr(), &format!("{}: {error:#}\n", words[0]));
            ExitCode::FAILURE
        }
    }
}

fn read(file: &str) -> Result<String> {
    std::fs::read_to_string(Path::new(file)).with_context(|| format!("failed to read `{file}`"))
}

fn coverage_of(json: &str) -> Result<Vec<Finding>> {
    let coverage = coverage::Coverage::parse(json, &tree::workspace()?.root)?;
    say(&mut std::io::stdout(), &coverage.table());
    Ok(coverage.check())
}

/// Writes `text`; a reader that went away is no failure of the chore.
fn say(to: &mut impl std::io::Write, text: &str) {
    let _gone = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
