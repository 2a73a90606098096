//! Measures the product against its goals, on this machine and through public interfaces only.
//!
//! Each part of [`parts`] is one function that answers with a [`report::Section`]; `make bench` runs all of them and
//! writes `docs/benchmarks.md`, and `cargo run --release -p bench -- <part>…` prints the named ones. A part that fails
//! or takes too long is a row that says so, and exit status 1; a missed goal is a row that says so.
//!
//! Absent on purpose: comparisons with an earlier run. One run on one machine says what that machine did.
//!
//! Start at [`parts::Part`].

mod machine;
mod parts;
mod report;
mod samples;
mod server;
mod world;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use opsmith_model::Clock;

use crate::parts::Part;
use crate::report::{Report, Section};

const REPORT: &str = "docs/benchmarks.md";
/// How long one part may take, and all of them.
const PART_LIMIT: Duration = Duration::from_secs(150);
const LIMIT: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(named) = words.iter().map(|word| Part::named(word)).collect::<Option<Vec<Part>>>() else {
        let names = Part::ALL.map(Part::name).join("|");
        say(&mut std::io::stderr(), &format!("usage: cargo run --release -p bench [-- {names} …]\n"));
        return ExitCode::from(2);
    };
    let report = measure(if named.is_empty() { Part::ALL.to_vec() } else { named }).await;
    let text = report.markdown();
    say(&mut std::io::stdout(), &text);
    if words.is_empty()
        && let Err(error) = write(&text)
    {
        progress(&format!("{error:#}"));
        return ExitCode::FAILURE;
    }
    if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn measure(mut parts: Vec<Part>) -> Report {
    // What grows in this process's memory is seen best while nothing else was in it.
    parts.sort_by_key(|part| *part != Part::Crowd);
    let machine = machine::describe();
    let deadline = Instant::now() + LIMIT;
    let mut sections = BTreeMap::new();
    for part in parts {
        progress(&format!("{} …", part.title()));
        let begun = Instant::now();
        let limit = PART_LIMIT.min(deadline.saturating_duration_since(begun));
        let section = within(part, limit).await.unwrap_or_else(|error| {
            progress(&format!("{} failed: {error:?}", part.title()));
            Section::failed(&error)
        });
        for row in &section.rows {
            progress(&format!("  {row}"));
        }
        progress(&format!("{}: {:.1} s", part.title(), begun.elapsed().as_secs_f64()));
        sections.insert(part, section);
    }
    let sections = sections.into_iter().map(|(part, section)| (part.title(), section)).collect();
    Report { date: Clock::system().now().date_naive(), machine, sections }
}

/// Takes the part to its end, or gives it up.
async fn within(part: Part, limit: Duration) -> anyhow::Result<Section> {
    let mut task = tokio::spawn(part.measure());
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(measured)) => measured,
        Ok(Err(panicked)) => Err(anyhow::Error::new(panicked).context("the part panicked")),
        Err(_) => {
            task.abort();
            anyhow::bail!("no end within {} s", limit.as_secs())
        }
    }
}

fn write(text: &str) -> anyhow::Result<()> {
    let path = Path::new(REPORT);
    std::fs::write(path, text).with_context(|| format!("failed to write `{REPORT}`; run it from the checkout's root"))
}

/// Says on stderr what is going on.
fn progress(text: &str) {
    say(&mut std::io::stderr(), &format!("bench: {text}\n"));
}

/// Writes `text`; a reader that went away is no failure of the measurement.
fn say(to: &mut impl Write, text: &str) {
    let _gone = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
