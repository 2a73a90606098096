use opsmith_guard::Permit;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{GitHubError, GitHubRepo};
use crate::git::Pushed;

/// The verb of [`GitHubRepo::add_labels`].
pub const ADD_LABELS: &str = "add_labels";

/// Labels for an issue or a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelsRequest {
    /// The number of the issue or pull request.
    pub number: u64,
    /// What it shall have; other labels stay, and a label that the repository lacks is made.
    pub labels: Vec<String>,
}

impl LabelsRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({ "number": self.number, "labels": self.labels })
    }
}

#[derive(Deserialize)]
struct LabelWire {
    name: String,
}

impl GitHubRepo {
    /// Adds labels to an issue or a pull request.
    pub async fn add_labels(&self, permit: &Permit, request: &LabelsRequest) -> Result<Pushed, GitHubError> {
        permit.check(ADD_LABELS, &self.target(), &request.parameters())?;
        let subject = format!("the labels of {} in {}", request.number, self.shown());
        let number = request.number.to_string();
        let path = ["issues", number.as_str(), "labels"];
        let known = self.github.all(self.get(&path, subject.clone()), |page: Vec<LabelWire>| page).await?;
        let has = |label: &str| known.iter().any(|known| known.name.to_lowercase() == label.to_lowercase());
        let missing: Vec<&String> = request.labels.iter().filter(|label| !has(label)).collect();
        if missing.is_empty() {
            return Ok(Pushed::AlreadyThere);
        }
        let call = self.post(&path, subject).body(json!({ "labels": missing })).repeatable();
        self.github.ask(&call).await?;
        Ok(Pushed::Done)
    }
}
