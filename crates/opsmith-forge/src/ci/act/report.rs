use std::collections::BTreeMap;

use serde_json::Value;

use super::event::ActEvent;
use super::workflow::Workflow;
use crate::ci::TailBuffer;
use crate::ci::output::TAIL_BYTES;

/// GitHub allows 256 jobs of one matrix; what comes beyond is not kept apart.
const MOST_JOBS: usize = 1024;
/// The words of act's where the runner, not the commit, is at fault: Docker is not there, an action cannot be had, no
/// interpreter for it.
pub(super) const RUNNER_FAULTS: [&str; 7] = [
    "docker API",
    "Docker daemon",
    "Unable to clone",
    "unable to resolve action",
    "dial tcp",
    "Cannot find: node",
    "repository not found",
];

/// What act told of one workflow.
#[derive(Debug, Default)]
pub(super) struct Report {
    jobs: BTreeMap<String, JobReport>,
}

/// One job, in one place of its matrix.
#[derive(Debug)]
pub(super) struct JobReport {
    /// As people know it: the job, with its matrix in brackets.
    pub(super) name: String,
    pub(super) result: JobResult,
    /// What the machine lacked.
    pub(super) runner_fault: Option<String>,
    /// The steps that failed, each with the end of what it printed.
    pub(super) failed: Vec<(String, TailBuffer)>,
    pub(super) passed_steps: usize,
    /// The step under way, with the end of what it printed.
    pub(super) step: Option<(String, TailBuffer)>,
    forgiven: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobResult {
    /// It was begun and never ended.
    Unknown,
    Passed,
    Failed,
}

impl Report {
    /// The jobs in the order of their names.
    pub(super) fn into_jobs(self) -> Vec<JobReport> {
        self.jobs.into_values().collect()
    }

    /// Whether a job was begun.
    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Takes one event in; gives what is to be said of it in the task's log.
    pub(super) fn take(&mut self, workflow: &Workflow, event: &ActEvent) -> Option<String> {
        if event.job.is_empty() || (self.jobs.len() >= MOST_JOBS && !self.jobs.contains_key(&event.job)) {
            return None;
        }
        let job = self.jobs.entry(event.job.clone()).or_insert_with(|| JobReport::new(workflow, event));
        job.take(event)
    }
}

impl JobReport {
    #[cfg(test)]
    pub(super) fn lacking(name: &str, what: &str) -> Self {
        Self {
            name: name.to_owned(),
            result: JobResult::Unknown,
            runner_fault: Some(what.to_owned()),
            failed: Vec::new(),
            passed_steps: 0,
            step: None,
            forgiven: false,
        }
    }

    fn new(workflow: &Workflow, event: &ActEvent) -> Self {
        Self {
            name: name(event),
            result: JobResult::Unknown,
            runner_fault: workflow.wanting(&event.job_id, &event.matrix),
            failed: Vec::new(),
            passed_steps: 0,
            step: None,
            forgiven: false,
        }
    }

    fn take(&mut self, event: &ActEvent) -> Option<String> {
        if let Some(printed) = event.printed() {
            self.tail(event).push(printed.as_bytes());
            return Some(format!("{} | {printed}", self.name));
        }
        if event.msg.contains("Skipping unsupported platform") {
            self.runner_fault.get_or_insert_with(|| "there is no runner for it".to_owned());
        }
        if event.level == "error" {
            self.blame(event);
        }
        self.forgiven |= event.msg.starts_with("Failed but continue");
        match event.step_result.as_deref() {
            Some("success") => {
                self.passed_steps += usize::from(event.stage == "Main");
                self.step = None;
            }
            Some("failure") => return self.step_failed(event),
            Some(_) | None => {}
        }
        self.result = match (event.job_result.as_deref(), self.result) {
            // A step can write to the stream that act tells these on; nothing that comes after a failure undoes it.
            (_, JobResult::Failed) | (Some("failure"), _) => JobResult::Failed,
            (Some("success"), _) => JobResult::Passed,
            (Some(_) | None, result) => result,
        };
        event.job_result.as_ref().map(|result| format!("{}: {result}\n", self.name))
    }

    /// Whose doing an error of act's own is.
    fn blame(&mut self, event: &ActEvent) {
        let setting_up = event.step == "Set up job" || event.stage == "Pre";
        if setting_up || RUNNER_FAULTS.iter().any(|words| event.msg.contains(words)) {
            let said = event.msg.lines().next().unwrap_or_default().trim().to_owned();
            self.runner_fault.get_or_insert(said);
        } else if !event.msg.starts_with("exit status") {
            // What a step could not do for itself: a missing shell, an action without a file.
            let said = format!("{}\n", event.msg.trim_end());
            self.tail(event).push(said.as_bytes());
        }
    }

    fn step_failed(&mut self, event: &ActEvent) -> Option<String> {
        let forgiven = std::mem::take(&mut self.forgiven);
        if !forgiven {
            let tail = self.step.take_if(|(step, _)| *step == event.step);
            self.failed.push(tail.unwrap_or_else(|| (event.step.clone(), TailBuffer::new(TAIL_BYTES))));
        }
        let how = if forgiven { "failed, and may" } else { "failed" };
        Some(format!("{}: step `{}` {how}\n", self.name, first_line(&event.step)))
    }

    /// Where the event's words go; act hands on the last of a step's output after it told of its end.
    fn tail(&mut self, event: &ActEvent) -> &mut TailBuffer {
        if let Some(at) = self.failed.iter().position(|(step, _)| *step == event.step) {
            return &mut self.failed[at].1;
        }
        if self.step.as_ref().is_some_and(|(step, _)| *step != event.step) {
            self.step = None;
        }
        &mut self.step.get_or_insert_with(|| (event.step.clone(), TailBuffer::new(TAIL_BYTES))).1
    }
}

fn name(event: &ActEvent) -> String {
    let values: Vec<String> = match &event.matrix {
        Value::Object(matrix) => {
            matrix.values().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Vec::new(),
    };
    if values.is_empty() { event.job_id.clone() } else { format!("{} ({})", event.job_id, values.join(", ")) }
}

/// A step without a name has its whole script for one.
pub(super) fn first_line(step: &str) -> String {
    let line = step.trim().lines().next().unwrap_or_default();
    let short: String = line.chars().take(80).collect();
    if short.len() < step.trim().len() { format!("{short}…") } else { short }
}
