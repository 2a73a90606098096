use serde::Deserialize;
use serde_json::Value;

/// One line of `act --json`, as far as it counts here. What a newer act adds is left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ActEvent {
    /// The job and its place in the matrix, padded with spaces.
    pub(super) job: String,
    #[serde(rename = "jobID")]
    pub(super) job_id: String,
    pub(super) matrix: Value,
    pub(super) step: String,
    pub(super) stage: String,
    pub(super) level: String,
    pub(super) msg: String,
    /// `success`, `failure` or `skipped`, when a step ends.
    pub(super) step_result: Option<String>,
    /// The same, when the job ends.
    pub(super) job_result: Option<String>,
    /// Whether the message is what the step printed.
    #[serde(rename = "raw_output")]
    pub(super) raw_output: bool,
    /// A workflow command such as `error` or `add-mask`.
    pub(super) command: Option<String>,
    pub(super) arg: Option<String>,
    /// The workflow command's parameters.
    pub(super) kv_pairs: Option<Value>,
}

impl ActEvent {
    /// What a step printed, or an annotation as a compiler would print it; `None` for act's own words.
    pub(super) fn printed(&self) -> Option<String> {
        if self.raw_output {
            return Some(self.msg.clone());
        }
        let kind = self.command.as_deref().filter(|kind| matches!(*kind, "error" | "warning" | "notice"))?;
        let of = |key: &str| self.kv_pairs.as_ref()?.get(key)?.as_str().filter(|value| !value.is_empty());
        let place = match (of("file"), of("line")) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        let said = self.arg.as_deref().unwrap_or_default();
        Some(format!("{place}{kind}: {said}\n"))
    }
}
