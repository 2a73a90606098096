use opsmith_sandbox::ExitStatus;

use super::listen::Complaint;
use super::report::{JobReport, JobResult, RUNNER_FAULTS, first_line};
use crate::ci::{RedReport, Verdict};

/// How the run of one workflow ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) file: String,
    pub(super) jobs: Vec<JobReport>,
    pub(super) complaint: Complaint,
    pub(super) status: ExitStatus,
}

impl Ended {
    /// Why act ended badly before it began a job, where the workflow is at fault.
    fn fault_of_file(&self) -> Option<&str> {
        let said = self.complaint.of_act()?;
        let by_machine = RUNNER_FAULTS.iter().chain(&["unknown flag"]).any(|words| said.contains(words));
        (self.jobs.is_empty() && matches!(self.status, ExitStatus::Code(_)) && !by_machine).then_some(said)
    }

    /// Why act ended as it did.
    fn said(&self) -> String {
        match (self.status, self.complaint.text()) {
            (ExitStatus::Signal(signal), _) => format!("act was ended by signal {signal}"),
            (ExitStatus::Code(_), Some(said)) => said.lines().next().unwrap_or_default().chars().take(200).collect(),
            (ExitStatus::Code(code), None) => format!("act exited with {code} and did not say why"),
        }
    }
}

/// The verdict over all workflows: one red of the commit's own doing is red, one job that could not run leaves the
/// commit unjudged, and what never ran is not green.
pub(super) fn judge(ended: Vec<Ended>, took_ms: u64) -> Verdict {
    let (mut reds, mut faults, mut again, mut passed, mut steps) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for run in ended {
        let (exit_ok, mut explained) = (run.status == ExitStatus::Code(0), false);
        let (file_fault, said) = (run.fault_of_file().map(str::to_owned), run.said());
        let Ended { file, jobs, .. } = run;
        for job in jobs {
            let name = format!("{file}: {}", job.name);
            let failed = job.result == JobResult::Failed || (!exit_ok && !job.failed.is_empty());
            match (job.runner_fault, failed) {
                (Some(fault), _) => {
                    explained = true;
                    faults.push(format!("{name}: {fault}"));
                }
                (None, true) => {
                    explained = true;
                    let tails = job.failed.into_iter().map(|(step, tail)| (step, tail.into_bytes()));
                    reds.push((name, tails.collect()));
                }
                (None, false) if job.result == JobResult::Passed => {
                    passed += 1;
                    steps += job.passed_steps;
                }
                (None, false) => {}
            }
        }
        if !exit_ok && !explained {
            explained = true;
            match file_fault {
                Some(fault) => reds.push((file.clone(), vec![(String::new(), fault.into_bytes())])),
                None => faults.push(format!("{file}: {said}")),
            }
        }
        if explained {
            again.push(file);
        }
    }
    if !reds.is_empty() {
        return Verdict::Red(RedReport { again, ..red(&reds) });
    }
    if !faults.is_empty() {
        faults.truncate(3);
        return Verdict::CannotRun { reason: faults.join("; ") };
    }
    if passed == 0 {
        return Verdict::CannotRun { reason: "no job of the workflows ran".to_owned() };
    }
    let jobs = if passed == 1 { "1 job".to_owned() } else { format!("{passed} jobs") };
    Verdict::Green { passed: format!("{jobs} with {steps} steps passed by act"), took_ms }
}

/// A job that failed, and its failing steps with the end of what each printed.
type Failed = (String, Vec<(String, Vec<u8>)>);

/// A step's part of the log.
pub(super) fn section(job: &str, step: &str, tail: Vec<u8>) -> Vec<u8> {
    [format!("== {job}: {}\n", first_line(step)).into_bytes(), tail, b"\n".to_vec()].concat()
}

fn red(reds: &[Failed]) -> RedReport {
    let mut log = Vec::new();
    // The excerpt is taken from the end: the first job's failure comes last.
    for (job, steps) in reds.iter().rev() {
        for (step, tail) in steps {
            log.extend(section(job, step, tail.clone()));
        }
    }
    let (job, steps) = &reds[0];
    let step = steps.last().map(|(step, _)| first_line(step)).filter(|step| !step.is_empty());
    let first = step.map_or_else(|| format!("`{job}` failed"), |step| format!("`{job}` failed at `{step}`"));
    let more = reds.len() - 1;
    let failing = if more == 0 { first } else { format!("{first}, and {more} more jobs failed") };
    RedReport::new(failing, &log)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(file: &str, jobs: Vec<JobReport>) -> Ended {
        Ended {
            file: file.to_owned(),
            jobs,
            complaint: Complaint::told("Error: workflow is not valid"),
            status: ExitStatus::Code(1),
        }
    }

    #[test]
    fn what_one_workflow_lacks_does_not_excuse_another() {
        let lacking = ended("a.yml", vec![JobReport::lacking("win", "there is no runner")]);
        match judge(vec![lacking, ended("b.yml", Vec::new())], 1) {
            Verdict::Red(report) => {
                assert!(report.failing.contains("b.yml"), "{}", report.failing);
                assert_eq!(report.again, ["a.yml", "b.yml"], "what could not run is no green of a second look");
            }
            other => panic!("{other:?}"),
        }
        let lacking = ended("a.yml", vec![JobReport::lacking("win", "there is no runner")]);
        assert!(matches!(judge(vec![lacking], 1), Verdict::CannotRun { .. }));
    }

    #[test]
    fn an_act_that_begins_nothing_blames_the_workflow_or_the_machine() {
        for (said, is_red) in [
            ("Error: workflow is not valid. 'ci.yml': Line: 4", true),
            ("Error: unknown flag: --no-cache-server", false),
            ("Error: dial tcp: lookup github.com: no such host", false),
            ("bwrap: execvp act: No such file or directory", false),
        ] {
            let run = Ended { complaint: Complaint::told(said), ..ended("ci.yml", Vec::new()) };
            match judge(vec![run], 1) {
                Verdict::Red(report) => assert!(is_red && said.contains(&report.excerpt[13..30]), "{report:?}"),
                Verdict::CannotRun { reason } => assert!(!is_red && reason.starts_with("ci.yml: "), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
