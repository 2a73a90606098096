use std::collections::BTreeMap;

use serde_json::Value;

use super::trigger::Trigger;

/// A workflow file is written by hand; a larger one is not read.
pub(super) const MAX_FILE_BYTES: usize = 512 * 1024;

/// What counts of a workflow file before it runs.
#[derive(Debug)]
pub(super) struct Workflow {
    /// Its file's name in `.github/workflows`.
    pub(super) file: String,
    pub(super) trigger: Trigger,
    jobs: BTreeMap<String, Job>,
}

/// What a job wants of the machine.
#[derive(Debug)]
struct Job {
    needs: Vec<String>,
    labels: Labels,
    container: bool,
    services: Vec<String>,
}

#[derive(Debug)]
enum Labels {
    Fixed(Vec<String>),
    /// The value of this key of the matrix.
    OfMatrix(String),
    /// An expression that only a runner can tell.
    Unknown,
}

impl Workflow {
    /// Reads a workflow; the error is for a person, with line and column where they are known.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, String> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let root: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| first_line(&error))?;
        let Some(jobs) = root.get("jobs").and_then(Value::as_object) else {
            return Err("it has no `jobs`".to_owned());
        };
        let on = root.get("on").ok_or_else(|| "it has no `on`".to_owned())?;
        let jobs = jobs.iter().map(|(id, job)| (id.clone(), Job::of(job))).collect();
        never_reached(&jobs).map_or(Ok(()), Err)?;
        Ok(Self { file: file.to_owned(), trigger: Trigger::of(on), jobs })
    }

    /// The labels of runners that this machine stands in for.
    pub(super) fn platforms(&self) -> Vec<String> {
        let mut labels: Vec<String> = ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-20.04"]
            .into_iter()
            .chain(["self-hosted", "linux", "Linux", "x64", "X64"])
            .map(str::to_owned)
            .collect();
        let fixed = self.jobs.values().filter_map(|job| match &job.labels {
            Labels::Fixed(labels) => Some(labels),
            Labels::OfMatrix(_) | Labels::Unknown => None,
        });
        labels.extend(fixed.flatten().filter(|label| stands_for(label)).cloned());
        labels.sort();
        labels.dedup();
        labels
    }

    /// What the job wants that is not here; a failure of such a job says nothing of the commit.
    pub(super) fn wanting(&self, job_id: &str, matrix: &Value) -> Option<String> {
        let job = self.jobs.get(job_id)?;
        let label = match &job.labels {
            Labels::Fixed(labels) => labels.iter().find(|label| !stands_for(label)).cloned(),
            Labels::OfMatrix(key) => matrix.get(key).and_then(Value::as_str).map(str::to_owned),
            Labels::Unknown => None,
        };
        if let Some(label) = label.filter(|label| !stands_for(label)) {
            return Some(format!("there is no runner `{label}`"));
        }
        if job.container {
            return Some("it runs in a container".to_owned());
        }
        (!job.services.is_empty()).then(|| format!("it needs the service `{}`", job.services.join("`, `")))
    }
}

impl Job {
    fn of(job: &Value) -> Self {
        let services = job.get("services").and_then(Value::as_object);
        let needs = match job.get("needs") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(_) | None => Vec::new(),
        };
        Self {
            needs,
            labels: Labels::of(job.get("runs-on").unwrap_or(&Value::Null)),
            container: job.get("container").is_some_and(|container| !container.is_null()),
            services: services.map(|services| services.keys().cloned().collect()).unwrap_or_default(),
        }
    }
}

impl Labels {
    fn of(runs_on: &Value) -> Self {
        match runs_on {
            Value::String(label) => match label.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")) {
                Some(expression) => match expression.trim().strip_prefix("matrix.") {
                    Some(key) if key.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') => {
                        Self::OfMatrix(key.to_owned())
                    }
                    Some(_) | None => Self::Unknown,
                },
                None if label.contains("${{") => Self::Unknown,
                None => Self::Fixed(vec![label.clone()]),
            },
            Value::Array(labels) => {
                let labels: Vec<String> = labels.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                if labels.iter().any(|label| label.contains("${{")) { Self::Unknown } else { Self::Fixed(labels) }
            }
            // A group of runners, or a job that calls another workflow.
            _ => Self::Unknown,
        }
    }
}

/// Why some job would wait for ever: what it needs is not there, or needs it. act then runs nothing and says little.
fn never_reached(jobs: &BTreeMap<String, Job>) -> Option<String> {
    let mut waiting: BTreeMap<&String, &Job> = jobs.iter().collect();
    loop {
        let before = waiting.len();
        let left: Vec<&String> = waiting.keys().copied().collect();
        waiting.retain(|_, job| job.needs.iter().any(|need| left.contains(&need) || !jobs.contains_key(need)));
        if waiting.len() == before {
            break;
        }
    }
    let unknown = |(id, job): (&&String, &&Job)| {
        let need = job.needs.iter().find(|need| !jobs.contains_key(*need))?;
        Some(format!("job `{id}` needs `{need}`, which is no job of it"))
    };
    let first = waiting.keys().next()?;
    waiting.iter().find_map(unknown).or_else(|| Some(format!("job `{first}` waits for jobs that wait for it")))
}

/// Whether this machine can stand in for a runner of that label.
fn stands_for(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    label.starts_with("ubuntu-") || matches!(label.as_str(), "self-hosted" | "linux" | "x64")
}

fn first_line(error: &serde_saphyr::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow(jobs: &str) -> Workflow {
        Workflow::parse("ci.yml", &format!("on: push\njobs:\n{jobs}")).unwrap()
    }

    #[test]
    fn what_a_job_wants_and_is_not_here() {
        let matrix = json!({ "os": "macos-latest" });
        for (job, wanting) in [
            ("runs-on: ubuntu-latest", None),
            ("runs-on: [self-hosted, linux]", None),
            ("runs-on: windows-latest", Some("there is no runner `windows-latest`")),
            ("runs-on: [self-hosted, gpu]", Some("there is no runner `gpu`")),
            ("runs-on: ${{ matrix.os }}", Some("there is no runner `macos-latest`")),
            ("runs-on: ${{ inputs.os }}", None),
            ("runs-on: ubuntu-latest\n    container: debian:12", Some("it runs in a container")),
            ("runs-on: ubuntu-latest\n    services:\n      db: {image: pg}", Some("it needs the service `db`")),
        ] {
            assert_eq!(workflow(&format!("  a:\n    {job}\n")).wanting("a", &matrix).as_deref(), wanting, "{job}");
        }
    }

    #[test]
    fn what_is_no_workflow_is_told() {
        for (text, says) in [
            ("jobs:\n  a: {}\n", "it has no `on`"),
            ("on: push\n", "it has no `jobs`"),
            ("just words\n", "it has no `jobs`"),
            ("on: push\njobs:\n  a:\n   b: c\n    d: e\n", "line 5"),
            ("on: push\njobs:\n  a: {needs: z}\n  b: {needs: [a]}\n", "job `a` needs `z`, which is no job of it"),
            (
                "on: push\njobs:\n  a: {needs: [b]}\n  b: {needs: a}\n  c: {}\n",
                "job `a` waits for jobs that wait for it",
            ),
        ] {
            let error = Workflow::parse("ci.yml", text).unwrap_err();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }

    #[test]
    fn jobs_that_need_others_are_reached() {
        workflow("  a: {}\n  b: {needs: a}\n  c: {needs: [a, b]}\n  d: {needs: c}\n");
    }

    #[test]
    fn a_document_that_unfolds_without_end_is_refused() {
        let mut text = "on: push\njobs: {}\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..30 {
            text.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", ")));
        }
        Workflow::parse("ci.yml", &text).unwrap_err();
    }
}
