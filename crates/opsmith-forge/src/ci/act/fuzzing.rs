//! Doors to the readers of workflows and of act's output, for dev/fuzz only.

use super::listen::{Heard, Lines};
use super::workflow::Workflow;

/// What was heard of a run of act.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// What the task's log says.
    pub said: String,
    /// How many jobs are kept apart.
    pub jobs: usize,
    /// What act complained of at its end.
    pub complaint: Option<String>,
}

/// Reads a workflow: the event that starts it, if any, and the labels that it asks for.
pub fn workflow(text: &str, branch: &str, base: &str) -> Result<(Option<&'static str>, Vec<String>), String> {
    let workflow = Workflow::parse("ci.yml", text)?;
    Ok((workflow.trigger.event(branch, base).map(|event| event.name()), workflow.platforms()))
}

/// Reads act's output as it comes.
pub fn listen<'a>(workflow: &str, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Told, String> {
    let workflow = Workflow::parse("ci.yml", workflow)?;
    let (mut lines, mut heard, mut said) = (Lines::default(), Heard::default(), String::new());
    for line in chunks.into_iter().flat_map(|chunk| lines.push(chunk)) {
        said.extend(heard.take(&workflow, String::from_utf8_lossy(&line).into_owned()));
    }
    let complaint = heard.complaint.text().map(str::to_owned);
    Ok(Told { said, jobs: heard.report.into_jobs().len(), complaint })
}
