use globset::GlobBuilder;
use serde_json::Value;

/// Where GitHub looks for workflows.
pub(super) const FOLDER: &str = ".github/workflows/";

/// A workflow file, as far as GitHub shows it outside of its jobs' logs.
#[derive(Clone, Debug)]
pub(super) struct Workflow {
    pub name: Option<String>,
    on: Value,
    jobs: Vec<Plan>,
}

/// A job as it is written down.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub id: String,
    name: Option<String>,
    pub steps: Vec<PlannedStep>,
}

/// A step as it is written down.
#[derive(Clone, Debug)]
pub(super) struct PlannedStep {
    /// As the API names it.
    pub name: String,
    pub script: Option<String>,
}

impl Workflow {
    /// Reads a file; the error is for a person.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let options = serde_saphyr::options! { strict_booleans: true };
        let root: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
        let jobs = root["jobs"].as_object().ok_or("it has no `jobs`")?;
        let on = root.get("on").cloned().ok_or("it has no `on`")?;
        let jobs = jobs.iter().map(|(id, job)| Plan::of(id, job)).collect();
        Ok(Self { name: root["name"].as_str().map(str::to_owned), on, jobs })
    }

    /// Whether an event of a branch starts it: the branch that was pushed, or the one to merge into.
    pub(super) fn starts(&self, event: &str, branch: &str) -> bool {
        match &self.on {
            Value::String(one) => one == event,
            Value::Array(several) => several.iter().any(|one| one == event),
            Value::Object(events) => events.get(event).is_some_and(|filter| takes(filter, branch)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    pub(super) fn jobs(&self) -> &[Plan] {
        &self.jobs
    }

    pub(super) fn job(&self, id: &str) -> Option<&Plan> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

impl Plan {
    fn of(id: &str, job: &Value) -> Self {
        let steps = job["steps"].as_array().into_iter().flatten().map(PlannedStep::of).collect();
        Self { id: id.to_owned(), name: job["name"].as_str().map(str::to_owned), steps }
    }

    /// The job's name in one place of its matrix: the values follow it, unless it names them itself.
    pub(super) fn name_in(&self, matrix: &Value) -> String {
        let values: Vec<String> = matrix
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        let name = self.name.as_ref().unwrap_or(&self.id);
        if values.is_empty() {
            return name.clone();
        }
        let mut filled = name.clone();
        for (key, value) in matrix.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            filled = filled.replace(&format!("${{{{ matrix.{key} }}}}"), &text);
        }
        if filled == *name { format!("{name} ({})", values.join(", ")) } else { filled }
    }
}

impl PlannedStep {
    fn of(step: &Value) -> Self {
        let script = step["run"].as_str().map(str::to_owned);
        let first = script.as_deref().and_then(|script| script.lines().next());
        let unnamed = || format!("Run {}", first.or(step["uses"].as_str()).unwrap_or_default());
        Self { name: step["name"].as_str().map_or_else(unnamed, str::to_owned), script }
    }
}

/// Whether the filters of an event let a branch through.
fn takes(filter: &Value, branch: &str) -> bool {
    let list = |key: &str| -> Option<Vec<String>> {
        let patterns = filter.get(key)?;
        let one = patterns.as_str().map(|one| vec![one.to_owned()]);
        one.or_else(|| Some(patterns.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
    };
    if list("branches-ignore").is_some_and(|ignored| ignored.iter().any(|pattern| fits(pattern, branch))) {
        return false;
    }
    let Some(only) = list("branches") else { return filter.get("tags").is_none() };
    // The last pattern that fits decides; `!` takes back.
    let last = only.iter().rfind(|pattern| fits(pattern.trim_start_matches('!'), branch));
    last.is_some_and(|pattern| !pattern.starts_with('!'))
}

fn fits(pattern: &str, branch: &str) -> bool {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map_or(pattern == branch, |glob| glob.compile_matcher().is_match(branch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_that_the_api_shows() {
        let text = "name: CI\non: {push: {branches: [main, 'amp/**', '!amp/x']}, pull_request: }\njobs:\n  \
                    unit:\n    steps:\n    - uses: actions/checkout@v4\n    - run: |\n        make\n        make test\n    \
                    - {name: last, run: exit 1}\n  named:\n    name: On ${{ matrix.os }}\n    steps: []\n";
        let workflow = Workflow::parse(text).unwrap();
        assert_eq!(workflow.name.as_deref(), Some("CI"));
        let unit = workflow.job("unit").unwrap();
        let names: Vec<_> = unit.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["Run actions/checkout@v4", "Run make", "last"]);
        assert_eq!(unit.name_in(&json!({ "n": 2, "os": "linux" })), "unit (2, linux)");
        assert_eq!(unit.name_in(&Value::Null), "unit");
        assert_eq!(workflow.job("named").unwrap().name_in(&json!({ "os": "linux" })), "On linux");
        for (event, branch, starts) in [
            ("push", "main", true),
            ("push", "amp/fix/b", true),
            ("push", "amp/x", false),
            ("push", "other", false),
            ("pull_request", "other", true),
            ("schedule", "main", false),
        ] {
            assert_eq!(workflow.starts(event, branch), starts, "{event} {branch}");
        }
        assert!(Workflow::parse("on: push\n").unwrap_err().contains("jobs"));
        assert!(Workflow::parse("on: [push\n").is_err());
    }
}
