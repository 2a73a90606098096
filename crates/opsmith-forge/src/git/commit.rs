use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{CachedRepo, GitCommand, GitError};

/// A message is text; more is not read.
pub(super) const MAX_COMMIT_BYTES: usize = 1024 * 1024;

/// Who commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// What a commit says, in the bytes git keeps it in: any encoding.
#[derive(Debug)]
pub(super) struct CommitText {
    /// `Name <mail> seconds zone`.
    author: Vec<u8>,
    encoding: Option<Vec<u8>>,
    message: Vec<u8>,
}

impl CommitText {
    pub(super) fn new(author: &Identity, date: DateTime<Utc>, message: &str) -> Self {
        let message = format!("{}\n", message.replace('\0', "").trim_end());
        Self { author: signature(author, date), encoding: None, message: message.into_bytes() }
    }
}

/// What an existing commit says, without its signature, which holds for that commit alone.
pub(super) async fn commit_text(repo: &CachedRepo, commit: &str) -> Result<CommitText, GitError> {
    let raw = read_commit(repo.work(), commit).await?;
    let end = raw.windows(2).position(|pair| pair == b"\n\n").unwrap_or(raw.len());
    let header = |name: &[u8]| {
        raw[..end].split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name)).map(<[u8]>::to_vec)
    };
    Ok(CommitText {
        author: header(b"author ").unwrap_or_default(),
        encoding: header(b"encoding "),
        message: raw.get(end + 2..).unwrap_or_default().to_vec(),
    })
}

/// A commit as git keeps it; `git` is a command in its repository.
pub(super) async fn read_commit(git: GitCommand, commit: &str) -> Result<Vec<u8>, GitError> {
    let output = git.args(["cat-file", "commit", commit]).max_output(MAX_COMMIT_BYTES).run().await?;
    if output.truncated {
        let what = format!("the commit `{commit}`");
        return Err(GitError::TooLarge { what, limit: MAX_COMMIT_BYTES as u64 });
    }
    Ok(output.stdout)
}

/// The commit's first parent; for a root commit the empty tree.
pub(super) async fn parent_of(repo: &CachedRepo, commit: &str) -> Result<String, GitError> {
    let parent = repo.work().args(["rev-list", "--max-count=1", "--format=%P", "--no-commit-header", commit]);
    match parent.text().await?.split_whitespace().next() {
        Some(parent) => Ok(parent.to_owned()),
        None => repo.work().args(["hash-object", "-w", "-t", "tree", "/dev/null"]).text().await,
    }
}

/// A commit byte by byte: nothing of the machine's clock, locale or configuration comes in.
pub(super) fn commit_bytes(
    tree: &str,
    parents: &[&str],
    text: &CommitText,
    committer: &Identity,
    date: DateTime<Utc>,
) -> Vec<u8> {
    let mut raw = format!("tree {tree}\n").into_bytes();
    for parent in parents {
        raw.extend_from_slice(format!("parent {parent}\n").as_bytes());
    }
    let mut header = |name: &str, value: &[u8]| {
        raw.extend_from_slice(name.as_bytes());
        raw.extend_from_slice(value);
        raw.push(b'\n');
    };
    header("author ", &text.author);
    header("committer ", &signature(committer, date));
    if let Some(encoding) = &text.encoding {
        header("encoding ", encoding);
    }
    header("", b"");
    raw.extend_from_slice(&text.message);
    raw
}

/// Writes a commit's bytes; `git` is a command in its repository.
pub(super) async fn write_raw(git: GitCommand, raw: Vec<u8>) -> Result<String, GitError> {
    git.args(["hash-object", "-w", "-t", "commit", "--stdin"]).stdin(raw).text().await
}

/// `Name <mail> seconds +0000`, without the characters that would end a part early.
fn signature(who: &Identity, date: DateTime<Utc>) -> Vec<u8> {
    let clean = |text: &str| {
        let kept: String = text.chars().filter(|c| !c.is_control() && *c != '<' && *c != '>').collect();
        kept.trim().to_owned()
    };
    format!("{} <{}> {} +0000", clean(&who.name), clean(&who.email), date.timestamp().max(0)).into_bytes()
}
