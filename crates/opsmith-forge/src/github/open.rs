use opsmith_guard::Permit;
use reqwest::Method;
use serde_json::{Value, json};

use super::pull_request::PullWire;
use super::{GitHubError, GitHubPull, GitHubRepo};
use crate::local::{OPEN_PULL_REQUEST, OpenRequest};

impl GitHubRepo {
    /// Opens a pull request, or updates the branch's open one: a branch has one, however often it is asked for.
    pub async fn open_pull(&self, permit: &Permit, request: &OpenRequest) -> Result<GitHubPull, GitHubError> {
        permit.check(OPEN_PULL_REQUEST, &self.target(), &request.parameters())?;
        let seen = self.branch(&request.head).await?;
        if seen.as_deref() != Some(&request.head_sha) {
            self.check_there(seen.as_deref()).await?;
            let (branch, expected) = (request.head.clone(), request.head_sha.clone());
            return Err(GitHubError::HeadMoved { branch, expected, seen });
        }
        if let Some(open) = self.open_pull_of(&request.head, &request.base).await? {
            return self.update(open, request).await;
        }
        let refused = match self.create(request).await {
            Ok(pull) => return Ok(pull),
            Err(error) => error,
        };
        // Someone else was faster, or the answer was lost: what is there now says more than what was answered.
        if matches!(
            refused,
            GitHubError::Rejected { .. }
                | GitHubError::Broken { .. }
                | GitHubError::TooSlow { .. }
                | GitHubError::Unreachable { .. }
                | GitHubError::Garbled { .. }
        ) && let Some(open) = self.open_pull_of(&request.head, &request.base).await?
        {
            return self.update(open, request).await;
        }
        if is_about_base(&refused) && self.branch(&request.base).await?.is_none() {
            return Err(GitHubError::BaseGone { branch: request.base.clone() });
        }
        Err(refused)
    }

    async fn create(&self, request: &OpenRequest) -> Result<GitHubPull, GitHubError> {
        let subject = format!("a pull request from `{}` into `{}` of {}", request.head, request.base, self.shown());
        let call = self.post(&["pulls"], subject).body(json!({
            "title": request.title,
            "body": request.body,
            "head": request.head,
            "base": request.base,
            "maintainer_can_modify": true,
        }));
        Ok(self.github.ask(&call).await?.json::<PullWire>(&call.subject)?.into())
    }

    async fn update(&self, open: GitHubPull, request: &OpenRequest) -> Result<GitHubPull, GitHubError> {
        let mut change = serde_json::Map::new();
        let fields = [
            ("title", &open.title, &request.title),
            ("body", &open.body, &request.body),
            ("base", &open.base, &request.base),
        ];
        for (name, is, shall) in fields {
            // A browser's line breaks are no difference.
            if is.replace("\r\n", "\n").trim_end() != shall.trim_end() {
                change.insert(name.to_owned(), Value::String(shall.clone()));
            }
        }
        if change.is_empty() {
            return Ok(open);
        }
        let subject = format!("pull request {} of {}", open.number, self.shown());
        let call = self.call(Method::PATCH, &["pulls", &open.number.to_string()], subject);
        let call = call.body(Value::Object(change)).repeatable();
        Ok(self.github.ask(&call).await?.json::<PullWire>(&call.subject)?.into())
    }
}

fn is_about_base(error: &GitHubError) -> bool {
    let GitHubError::Rejected { fields, .. } = error else { return false };
    fields.iter().any(|field| field.field == "base" || field.field.ends_with(".base"))
}
