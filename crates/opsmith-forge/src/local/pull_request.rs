use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A pull request of the local forge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number, over all repositories of the store.
    pub number: i64,
    /// The repository's normal name.
    pub repository: String,
    /// The branch to be merged.
    pub head: String,
    /// The branch to merge into.
    pub base: String,
    /// The commit of `head` that it speaks of.
    pub head_sha: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Where it stands.
    pub state: PullRequestState,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
}

impl PullRequest {
    /// What it is called where a forge with a page would have an address.
    pub fn url(&self) -> String {
        format!("opsmith:///pull-requests/{}", self.number)
    }
}

/// Where a [`PullRequest`] stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum PullRequestState {
    /// It can be merged.
    Open,
    /// It is in its base.
    Merged {
        /// The commit it became.
        sha: String,
    },
    /// It was given up.
    Closed,
}

/// What is to be opened; asked for again it sets the open one's head, title and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// The branch to be merged.
    pub head: String,
    /// The branch to merge into.
    pub base: String,
    /// The commit of `head`.
    pub head_sha: String,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
}

impl OpenRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({
            "head": self.head,
            "base": self.base,
            "head_sha": self.head_sha,
            "title": self.title,
            "body": self.body,
        })
    }
}
