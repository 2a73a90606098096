use opsmith_guard::Permit;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{GitHubError, GitHubRepo};
use crate::git::Pushed;

/// The verb of [`GitHubRepo::open_issue`].
pub const OPEN_ISSUE: &str = "open_issue";
/// The verb of [`GitHubRepo::comment`].
pub const COMMENT: &str = "comment";
/// The verb of [`GitHubRepo::close_issue`].
pub const CLOSE_ISSUE: &str = "close_issue";

/// An issue to be opened, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueRequest {
    /// What makes it the same issue when it is asked for again; it is hidden in the body.
    pub key: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// At least one, by which the issue is looked for.
    pub labels: Vec<String>,
}

impl IssueRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({ "key": self.key, "title": self.title, "body": self.body, "labels": self.labels })
    }
}

/// A comment to be made, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentRequest {
    /// The issue or pull request.
    pub number: u64,
    /// What makes it the same comment when it is asked for again.
    pub key: String,
    /// Markdown.
    pub body: String,
}

impl CommentRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({ "number": self.number, "key": self.key, "body": self.body })
    }
}

/// An issue to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseRequest {
    /// The issue.
    pub number: u64,
}

impl CloseRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({ "number": self.number })
    }
}

/// An issue on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Its page.
    pub url: String,
    /// Whether it is open.
    pub open: bool,
}

#[derive(Deserialize)]
struct IssueWire {
    number: u64,
    html_url: String,
    state: String,
    body: Option<String>,
    /// Pull requests are among the issues.
    pull_request: Option<Value>,
}

#[derive(Deserialize)]
struct CommentWire {
    body: Option<String>,
}

impl From<IssueWire> for Issue {
    fn from(wire: IssueWire) -> Self {
        Self { number: wire.number, url: wire.html_url, open: wire.state == "open" }
    }
}

/// A text by which a body is known again, and which a page does not show.
fn marker(key: &str) -> String {
    // The key's own characters must not end the comment.
    format!("<!-- opsmith-key:{} -->", hex::encode(key))
}

impl GitHubRepo {
    /// The newest issue of that key, open or closed; `label` is one that it was opened with.
    pub async fn issue_of(&self, key: &str, label: &str) -> Result<Option<Issue>, GitHubError> {
        let marker = marker(key);
        let is_it = |wire: &IssueWire| {
            wire.pull_request.is_none() && wire.body.as_ref().is_some_and(|body| body.contains(&marker))
        };
        let call = self
            .get(&["issues"], format!("the issues of {}", self.shown()))
            .query("labels", label)
            .query("state", "all")
            .query("sort", "created")
            .query("direction", "desc");
        let found = self.github.until(call, |page: Vec<IssueWire>| page, is_it).await?;
        Ok(found.into_iter().find(is_it).map(Issue::from))
    }

    /// Opens an issue, unless one of its key is open.
    pub async fn open_issue(&self, permit: &Permit, request: &IssueRequest) -> Result<Issue, GitHubError> {
        permit.check(OPEN_ISSUE, &self.target(), &request.parameters())?;
        let label = request.labels.first().map_or("", String::as_str);
        if let Some(issue) = self.issue_of(&request.key, label).await?.filter(|issue| issue.open) {
            return Ok(issue);
        }
        let body = format!("{}\n\n{}\n", request.body.trim_end(), marker(&request.key));
        let subject = format!("an issue in {}", self.shown());
        let call = self.post(&["issues"], subject);
        let call = call.body(json!({ "title": request.title, "body": body, "labels": request.labels }));
        match self.github.ask(&call).await {
            Ok(answer) => Ok(answer.json::<IssueWire>(&call.subject)?.into()),
            // The answer may be lost, and the issue there.
            Err(error) => match self.issue_of(&request.key, label).await {
                Ok(Some(issue)) if issue.open => Ok(issue),
                Ok(_) | Err(_) => Err(error),
            },
        }
    }

    /// Comments on an issue or pull request, unless a comment of that key is there.
    pub async fn comment(&self, permit: &Permit, request: &CommentRequest) -> Result<Pushed, GitHubError> {
        permit.check(COMMENT, &self.target(), &request.parameters())?;
        if self.has_comment(request).await? {
            return Ok(Pushed::AlreadyThere);
        }
        let body = format!("{}\n\n{}\n", request.body.trim_end(), marker(&request.key));
        let subject = format!("a comment on {} in {}", request.number, self.shown());
        let call = self.post(&["issues", &request.number.to_string(), "comments"], subject);
        match self.github.ask(&call.body(json!({ "body": body }))).await {
            Ok(_) => Ok(Pushed::Done),
            Err(error) => match self.has_comment(request).await {
                Ok(true) => Ok(Pushed::Done),
                Ok(false) | Err(_) => Err(error),
            },
        }
    }

    async fn has_comment(&self, request: &CommentRequest) -> Result<bool, GitHubError> {
        let marker = marker(&request.key);
        let is_it = |wire: &CommentWire| wire.body.as_ref().is_some_and(|body| body.contains(&marker));
        let subject = format!("the comments on {} in {}", request.number, self.shown());
        let call = self.get(&["issues", &request.number.to_string(), "comments"], subject);
        let found = self.github.until(call, |page: Vec<CommentWire>| page, is_it).await?;
        Ok(found.iter().any(is_it))
    }

    /// Closes an issue; one that is closed is fine.
    pub async fn close_issue(&self, permit: &Permit, request: &CloseRequest) -> Result<Pushed, GitHubError> {
        permit.check(CLOSE_ISSUE, &self.target(), &request.parameters())?;
        let subject = format!("issue {} of {}", request.number, self.shown());
        let number = request.number.to_string();
        let look = self.get(&["issues", &number], subject.clone());
        let issue: IssueWire = self.github.ask(&look).await?.json(&subject)?;
        if issue.state != "open" {
            return Ok(Pushed::AlreadyThere);
        }
        let call = self.call(Method::PATCH, &["issues", &number], subject).repeatable();
        self.github.ask(&call.body(json!({ "state": "closed" }))).await?;
        Ok(Pushed::Done)
    }
}
