use chrono::{DateTime, Utc};
use opsmith_guard::Permit;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::commit::{CommitText, Identity, commit_bytes, commit_text, parent_of, write_raw};
use super::refs::object_id;
use super::remote::{Pushed, move_branch};
use super::{CachedRepo, GitError};

/// The verb of [`publish_merge`].
pub const MERGE: &str = "merge";

/// A merge of a large change may compare many renamed files.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(300);

/// How a branch comes into its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeMethod {
    /// One new commit with all changes.
    Squash,
    /// A merge commit of both.
    Merge,
    /// Each commit anew on top of the base, without merge commits and what the base has already.
    Rebase,
}

/// A merge to compute.
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The commit to merge into; it must be in the cache.
    pub base_sha: String,
    /// The commit to merge; it must be in the cache.
    pub head_sha: String,
    /// How.
    pub method: MergeMethod,
    /// The message of the one new commit; a rebase keeps each commit's own.
    pub message: String,
    /// The author, where the method makes a new commit.
    pub author: Identity,
    /// The committer.
    pub committer: Identity,
    /// When, in whole seconds.
    pub date: DateTime<Utc>,
}

/// A computed merge to make public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishMerge {
    /// The branch to move, without `refs/heads/`.
    pub base_branch: String,
    /// The commit it must have until then.
    pub base_sha: String,
    /// The commit that is merged.
    pub head_sha: String,
    /// How it was merged.
    pub method: MergeMethod,
    /// The result of [`plan_merge`], signed or not; it must be in the cache.
    pub sha: String,
}

impl PublishMerge {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({
            "base_branch": self.base_branch,
            "base_sha": self.base_sha,
            "head_sha": self.head_sha,
            "method": self.method,
            "sha": self.sha,
        })
    }
}

/// Whether `ancestor` is `commit` or came before it.
pub async fn is_ancestor(repo: &CachedRepo, ancestor: &str, commit: &str) -> Result<bool, GitError> {
    let ids = [object_id(ancestor)?, object_id(commit)?];
    repo.work().args(["merge-base", "--is-ancestor"]).args(ids).timeout(TIMEOUT).succeeds().await
}

/// Computes a merge in the cache alone and gives its commit, unsigned: the same request always gives the same.
///
/// The base itself where there is nothing to merge.
pub async fn plan_merge(repo: &CachedRepo, request: &MergeRequest) -> Result<String, GitError> {
    let (base, head) = (object_id(&request.base_sha)?, object_id(&request.head_sha)?);
    if is_ancestor(repo, head, base).await? {
        return Ok(base.to_owned());
    }
    if !repo.work().args(["merge-base", base, head]).timeout(TIMEOUT).succeeds().await? {
        return Err(GitError::Unrelated { head: head.to_owned(), base: base.to_owned() });
    }
    let parents: &[&str] = match request.method {
        MergeMethod::Squash => &[base],
        MergeMethod::Merge => &[base, head],
        MergeMethod::Rebase => return rebase(repo, request).await,
    };
    let tree = merge_trees(repo, None, base, head).await?;
    if request.method == MergeMethod::Squash && tree == tree_of(repo, base).await? {
        return Ok(base.to_owned());
    }
    let text = CommitText::new(&request.author, request.date, &request.message);
    write_raw(repo.work(), commit_bytes(&tree, parents, &text, &request.committer, request.date)).await
}

async fn rebase(repo: &CachedRepo, request: &MergeRequest) -> Result<String, GitError> {
    let range = format!("{}...{}", request.base_sha, request.head_sha);
    let commits = repo
        .work()
        .args(["rev-list", "--reverse", "--topo-order", "--no-merges", "--right-only", "--cherry-pick", &range])
        .timeout(TIMEOUT)
        .text()
        .await?;
    let mut onto = request.base_sha.clone();
    let mut onto_tree = tree_of(repo, &onto).await?;
    for commit in commits.lines() {
        let tree = merge_trees(repo, Some(&parent_of(repo, commit).await?), &onto, commit).await?;
        if tree == onto_tree {
            continue;
        }
        let text = commit_text(repo, commit).await?;
        let raw = commit_bytes(&tree, &[&onto], &text, &request.committer, request.date);
        onto = write_raw(repo.work(), raw).await?;
        onto_tree = tree;
    }
    Ok(onto)
}

async fn tree_of(repo: &CachedRepo, commit: &str) -> Result<String, GitError> {
    repo.work().args(["rev-parse", "--verify", "--quiet", &format!("{commit}^{{tree}}")]).text().await
}

/// The tree of both sides' changes since `ancestor`, or since their best common one.
async fn merge_trees(repo: &CachedRepo, ancestor: Option<&str>, ours: &str, theirs: &str) -> Result<String, GitError> {
    let ended = repo
        .work()
        .args(["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages"])
        .args(ancestor.map(|ancestor| format!("--merge-base={ancestor}")))
        .args([ours, theirs])
        .timeout(TIMEOUT)
        .end()
        .await?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let mut parts = text.split('\0').filter(|part| !part.is_empty()).map(str::to_owned);
    match (ended.code, parts.next()) {
        (Some(0), Some(tree)) => Ok(tree),
        (Some(1), Some(_)) => Err(GitError::Conflict { paths: parts.collect() }),
        _ => Err(ended.into_error()),
    }
}

/// Moves the base branch of the remote to a computed merge, if it is where it was then.
///
/// A base that has the merge already, with or without more on top, is fine.
pub async fn publish_merge(permit: &Permit, repo: &CachedRepo, request: &PublishMerge) -> Result<Pushed, GitError> {
    permit.check(MERGE, &repo.url().target(), &request.parameters())?;
    let moved = move_branch(repo, &request.base_branch, Some(&request.base_sha), Some(&request.sha)).await;
    let Err(GitError::LeaseLost { seen: Some(seen), .. }) = &moved else { return moved };
    repo.fetch().await?;
    if repo.contains(seen).await? && is_ancestor(repo, &request.sha, seen).await? {
        return Ok(Pushed::AlreadyThere);
    }
    moved
}
