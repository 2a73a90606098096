use super::report::{JobReport, JobResult, first_line};
use crate::ci::{RedReport, Verdict};

/// How the run of one workflow ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) file: String,
    pub(super) jobs: Vec<JobReport>,
    /// What act itself complained of.
    pub(super) complaint: Option<String>,
    pub(super) exit_ok: bool,
}

/// The verdict over all workflows: one red of the commit's own doing is red, one job that could not run leaves the
/// commit unjudged, and what never ran is not green.
pub(super) fn judge(ended: Vec<Ended>, took_ms: u64) -> Verdict {
    let (mut reds, mut faults, mut passed, mut steps) = (Vec::new(), Vec::new(), 0, 0);
    for Ended { file, jobs, complaint, exit_ok } in ended {
        let told = !jobs.is_empty();
        let mut explained = false;
        for job in jobs {
            let name = format!("{file}: {}", job.name);
            match (job.result, job.runner_fault) {
                (JobResult::Passed, None) => {
                    passed += 1;
                    steps += job.passed_steps;
                }
                (_, Some(fault)) => {
                    explained = true;
                    faults.push(format!("{name}: {fault}"));
                }
                (JobResult::Failed, None) => {
                    explained = true;
                    let tails = job.failed.into_iter().map(|(step, tail)| (step, tail.into_bytes()));
                    reds.push((name, tails.collect()));
                }
                (JobResult::Unknown, None) => {}
            }
        }
        if !exit_ok && !explained {
            let said = complaint.unwrap_or_else(|| "act did not say why".to_owned());
            match told {
                true => faults.push(format!("{file}: {said}")),
                // Nothing was begun: the file itself is at fault.
                false => reds.push((file, vec![(String::new(), said.into_bytes())])),
            }
        }
    }
    if !reds.is_empty() {
        return red(&reds);
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

fn red(reds: &[Failed]) -> Verdict {
    let mut log = Vec::new();
    // The excerpt is taken from the end: the first job's failure comes last.
    for (job, steps) in reds.iter().rev() {
        for (step, tail) in steps {
            log.extend_from_slice(format!("== {job}: {}\n", first_line(step)).as_bytes());
            log.extend_from_slice(tail);
            log.push(b'\n');
        }
    }
    let (job, steps) = &reds[0];
    let step = steps.last().map(|(step, _)| first_line(step)).filter(|step| !step.is_empty());
    let first = step.map_or_else(|| format!("`{job}` failed"), |step| format!("`{job}` failed at `{step}`"));
    let more = reds.len() - 1;
    let failing = if more == 0 { first } else { format!("{first}, and {more} more jobs failed") };
    Verdict::Red(RedReport::new(failing, &log))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(file: &str, jobs: Vec<JobReport>) -> Ended {
        Ended { file: file.to_owned(), jobs, complaint: Some("workflow is not valid".to_owned()), exit_ok: false }
    }

    #[test]
    fn what_one_workflow_lacks_does_not_excuse_another() {
        let lacking = ended("a.yml", vec![JobReport::lacking("win", "there is no runner")]);
        match judge(vec![lacking, ended("b.yml", Vec::new())], 1) {
            Verdict::Red(report) => assert!(report.failing.contains("b.yml"), "{}", report.failing),
            other => panic!("{other:?}"),
        }
        let lacking = ended("a.yml", vec![JobReport::lacking("win", "there is no runner")]);
        assert!(matches!(judge(vec![lacking], 1), Verdict::CannotRun { .. }));
    }
}
