//! What act says while it runs a job, as what GitHub's runner would say.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::job_log::JobLog;
use super::state::Step;
use super::workflow::{Plan, PlannedStep};

/// One line of `act --json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ActLine {
    /// The job and its place in the matrix, padded with spaces.
    pub job: String,
    #[serde(rename = "jobID")]
    pub job_id: String,
    pub matrix: Value,
    step: String,
    stage: String,
    msg: String,
    #[serde(rename = "stepID")]
    step_ids: Vec<String>,
    #[serde(rename = "stepResult")]
    step_result: Option<String>,
    #[serde(rename = "jobResult")]
    job_result: Option<String>,
    raw_output: bool,
    command: Option<String>,
    arg: Option<String>,
}

/// A job under way.
#[derive(Debug, Default)]
pub(super) struct Progress {
    log: JobLog,
    /// Done steps with their places: set up, by number in the file, those after, the end.
    steps: Vec<((u8, usize), Step)>,
    began: Option<DateTime<Utc>>,
    /// A step has failed, and the code is told in the next line.
    failed: bool,
    pub conclusion: Option<&'static str>,
}

impl Progress {
    /// Takes in one line of the job's.
    pub(super) fn take(&mut self, plan: &Plan, line: &ActLine, now: DateTime<Utc>) {
        if std::mem::take(&mut self.failed) {
            let code = line.msg.strip_prefix("exit status ").unwrap_or("1").trim();
            self.log.fail(now, code);
        }
        let (place, planned) = self.place(plan, line);
        if line.msg.starts_with("⭐ Run ") {
            self.began = Some(now);
            if place.0 == 1 {
                let unnamed;
                let step = match planned {
                    Some(step) => step,
                    None => {
                        unnamed = PlannedStep { name: line.step.clone(), script: None };
                        &unnamed
                    }
                };
                let first = step.script.as_deref().and_then(|script| script.lines().next());
                let shown = first.map_or_else(|| step.name.clone(), |first| format!("Run {first}"));
                self.log.begin_step(now, &shown, step.script.as_deref());
            }
        } else if line.raw_output {
            self.log.write(now, &line.msg);
        } else if let Some(command) = &line.command {
            let said = line.arg.as_deref().unwrap_or_default();
            match command.as_str() {
                "error" | "warning" | "notice" | "group" => self.log.write(now, &format!("##[{command}]{said}")),
                "endgroup" => self.log.write(now, "##[endgroup]"),
                _ => {}
            }
        }
        if let Some(result) = &line.step_result {
            let name = match (line.stage.as_str(), planned) {
                ("Post", Some(step)) => format!("Post {}", step.name),
                ("Pre", Some(step)) => format!("Pre {}", step.name),
                (_, Some(step)) => step.name.clone(),
                (_, None) => line.step.clone(),
            };
            self.failed = result == "failure";
            let times = (self.began.take().unwrap_or(now), now);
            self.steps.push((place, Step { name, conclusion: result.clone(), times }));
        }
        if let Some(result) = &line.job_result {
            self.end(plan, result, now);
        }
    }

    fn place<'a>(&self, plan: &'a Plan, line: &ActLine) -> ((u8, usize), Option<&'a PlannedStep>) {
        let number = line.step_ids.first().and_then(|id| id.parse::<usize>().ok());
        let planned = number.and_then(|number| plan.steps.get(number));
        let place = match (line.stage.as_str(), planned.and(number)) {
            ("Pre", Some(number)) => (0, number + 1),
            ("Post", Some(number)) => (2, plan.steps.len() - number),
            (_, Some(number)) => (1, number),
            (_, None) if line.step == "Complete job" => (3, 0),
            (_, None) => (0, 0),
        };
        (place, planned)
    }

    fn end(&mut self, plan: &Plan, result: &str, now: DateTime<Utc>) {
        // One job of a matrix failing makes act call all of them failed.
        let fails = result != "success" && self.steps.iter().any(|(_, step)| step.conclusion == "failure");
        self.conclusion = Some(if fails { "failure" } else { "success" });
        for (number, step) in plan.steps.iter().enumerate() {
            if !self.steps.iter().any(|(place, _)| *place == (1, number)) {
                let skipped = Step { name: step.name.clone(), conclusion: "skipped".to_owned(), times: (now, now) };
                self.steps.push(((1, number), skipped));
            }
        }
        if !fails {
            // A step that may fail is a success to the API.
            self.steps.iter_mut().for_each(|(_, step)| {
                if step.conclusion == "failure" {
                    step.conclusion = "success".to_owned();
                }
            });
        }
        self.log.write(now, "Cleaning up orphan processes");
    }

    /// The steps so far, in the order of the page.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = self.steps.clone();
        steps.sort_by_key(|(place, _)| *place);
        steps.into_iter().map(|(_, step)| step).collect()
    }

    pub(super) fn log(&self) -> &str {
        self.log.text()
    }
}
