use opsmith_guard::Permit;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::merge::method_name;
use super::refusal::clean;
use super::{GitHubError, GitHubRepo, MergePull};
use crate::git::{MERGE, MergeMethod, Pushed};

/// REST has no way to switch it on: https://docs.github.com/en/graphql/reference/mutations#enablepullrequestautomerge
const MUTATION: &str = "mutation($input: EnablePullRequestAutoMergeInput!) { \
    enablePullRequestAutoMerge(input: $input) { pullRequest { number } } }";

/// The answer of GraphQL, whose errors come with status 200.
#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    errors: Vec<ErrorWire>,
}

#[derive(Deserialize)]
struct ErrorWire {
    #[serde(default)]
    message: String,
    #[serde(default, rename = "type")]
    kind: String,
}

impl MergePull {
    /// The parameters of [`GitHubRepo::merge_when_ready`]: the same merge, at another time.
    pub fn later_parameters(&self) -> Value {
        let mut parameters = self.parameters();
        parameters["when_ready"] = json!(true);
        parameters
    }
}

impl GitHubRepo {
    /// Lets GitHub merge the pull request as soon as its rules allow; one for which that is on already is fine.
    ///
    /// [`GitHubError::NoAutoMerge`] where the repository does not allow it, or nothing is left to wait for.
    pub async fn merge_when_ready(&self, permit: &Permit, request: &MergePull) -> Result<Pushed, GitHubError> {
        permit.check(MERGE, &self.target(), &request.later_parameters())?;
        let pull = self.pull(request.number).await?;
        pull.check_open()?;
        pull.check_head(&request.head_sha)?;
        if pull.auto_merge.as_deref() == Some(method_name(request.method)) {
            return Ok(Pushed::AlreadyThere);
        }
        let mut input = json!({
            "pullRequestId": pull.node_id,
            "mergeMethod": method_name(request.method).to_uppercase(),
            "expectedHeadOid": request.head_sha,
        });
        if request.method != MergeMethod::Rebase {
            input["commitHeadline"] = json!(request.title);
            input["commitBody"] = json!(request.message);
        }
        let subject = format!("the merge of pull request {} of {}", request.number, self.shown());
        let url = self.github.address().graphql().clone();
        let call = Call::new(Method::POST, url, subject, self.auth()).repeatable();
        let call = call.body(json!({ "query": MUTATION, "variables": { "input": input } }));
        let wire: Wire = self.github.ask(&call).await?.json(&call.subject)?;
        let Some(error) = wire.errors.first() else { return Ok(Pushed::Done) };
        let message = clean(&error.message, "");
        Err(match error.kind.as_str() {
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => {
                GitHubError::Forbidden { subject: call.subject, needs: None, message }
            }
            _ => GitHubError::NoAutoMerge { number: request.number, message },
        })
    }
}
