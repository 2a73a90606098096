//! What a merge is to be, before anybody permits it.

use opsmith_forge::forge::{ForgeMerge, ForgePull};
use opsmith_forge::git::{CachedRepo, DeleteRequest, MergeRequest, PublishMerge};
use opsmith_forge::github::{GitHub, MergePull};
use opsmith_forge::local::PullRequestState;
use opsmith_model::{Effect, Operation, Plan, Principal, Target, TaskId};

use crate::brief::short_sha;
use crate::effects::{DELETE_BRANCH, MERGE};
use crate::inputs::MergeInput;
use crate::merge_options::MergeOptions;
use crate::task::{Task, TaskStatus};
use crate::{Ampx, AmpxError};

impl Ampx {
    /// The merge as it would be now. With `auto`, a GitHub that may merge by itself is left to do it later where its
    /// rules do not allow it yet.
    pub(crate) async fn plan_merge(
        &self,
        id: TaskId,
        options: &MergeOptions,
        auto: bool,
        by: &Principal,
    ) -> Result<MergeInput, AmpxError> {
        let task = self.task(id).await?;
        let (base, head_sha) = mergeable(&task)?;
        let url = self.url_of(&task)?;
        let (publish, when_ready) = match self.forge.github(&url) {
            Some(github) => self.plan_on_github(github, &task, base, head_sha, options, auto).await?,
            None => {
                let repo = self.remote(&url).await?;
                (ForgeMerge::Git(self.plan_by_git(&repo, &task, base, head_sha, options).await?), false)
            }
        };
        let delete = options
            .delete_branch
            .then(|| DeleteRequest { branch: task.branch.clone(), sha: publish.head_sha().to_owned() });
        let plan = plan_of(&task, by, url.target(), &publish, when_ready, delete.as_ref());
        Ok(MergeInput { task_id: id, plan, publish, when_ready, delete })
    }

    async fn plan_by_git(
        &self,
        repo: &CachedRepo,
        task: &Task,
        base: String,
        head_sha: String,
        options: &MergeOptions,
    ) -> Result<PublishMerge, AmpxError> {
        repo.fetch().await?;
        let pull = self.forge.of_branch(repo.url(), &task.branch).await?.ok_or_else(|| not_open(task))?;
        if repo.remote_branch(&task.branch).await?.as_deref() != Some(&head_sha) {
            return Err(moved(task));
        }
        let base_sha = repo.remote_branch(&base).await?.ok_or_else(|| AmpxError::NotNow {
            message: format!("the base branch `{base}` is gone"),
            hint: Some("make it again, or merge by hand".to_owned()),
        })?;
        let date = self.merge_date(task.id, &base_sha, &head_sha, options.method).await?;
        let request = MergeRequest {
            base_sha: base_sha.clone(),
            head_sha: head_sha.clone(),
            method: options.method,
            message: format!("{}\n\n{}", title(&pull), trailer(task)),
            author: self.author.clone(),
            committer: self.committer.clone(),
            date,
        };
        let sha = self.merge_commit(task.id, repo, &request).await?;
        if sha == base_sha {
            return Err(AmpxError::NotNow {
                message: format!("there is nothing left to merge: `{base}` has the change already"),
                hint: None,
            });
        }
        Ok(PublishMerge { base_branch: base, base_sha, head_sha, method: options.method, sha })
    }

    /// The merge that GitHub is to make, and whether it may be made later.
    async fn plan_on_github(
        &self,
        github: &GitHub,
        task: &Task,
        base: String,
        head_sha: String,
        options: &MergeOptions,
        auto: bool,
    ) -> Result<(ForgeMerge, bool), AmpxError> {
        let repository = github.repository(&self.url_of(task)?)?;
        let pull = repository.pull_of_branch(&task.branch).await?.map(ForgePull::from).ok_or_else(|| not_open(task))?;
        if pull.state == PullRequestState::Closed {
            if repository.branch(&base).await?.is_none() {
                return Err(AmpxError::NotNow {
                    message: format!("the base branch `{base}` is gone, and with it pull request {}", pull.number),
                    hint: Some("make it again and reopen the pull request, or start a new task".to_owned()),
                });
            }
            return Err(AmpxError::NotNow {
                message: format!("pull request {} was closed by someone else", pull.number),
                hint: Some("reopen it where that was not meant, or start a new task".to_owned()),
            });
        }
        if pull.head_sha != head_sha {
            return Err(moved(task));
        }
        let when_ready = auto && repository.info().await?.auto_merge != Some(false);
        let merge = MergePull {
            number: pull.number,
            head_sha,
            base,
            method: options.method,
            title: title(&pull),
            message: trailer(task),
        };
        Ok((ForgeMerge::GitHub(merge), when_ready))
    }
}

/// What is said of a task without a pull request to merge.
pub(crate) fn not_open(task: &Task) -> AmpxError {
    AmpxError::NotNow {
        message: format!("task `{}` has no open pull request; it is `{}`", task.id, task.status.as_str()),
        hint: Some("wait for its success, or merge as soon as it may be with `--auto`".to_owned()),
    }
}

/// A branch is no longer what CI saw.
fn moved(task: &Task) -> AmpxError {
    AmpxError::NotNow {
        message: format!("branch `{}` is no longer at the commit that was checked", task.branch),
        hint: Some("look at the branch, then merge by hand or start a new task".to_owned()),
    }
}

/// The base branch and the checked commit of a task that can be merged.
fn mergeable(task: &Task) -> Result<(String, String), AmpxError> {
    match (task.status, &task.base, &task.pushed_sha) {
        (TaskStatus::Success, Some(base), Some(head)) => Ok((base.clone(), head.clone())),
        (_, _, _) => Err(not_open(task)),
    }
}

fn title(pull: &ForgePull) -> String {
    format!("{} (#{})", pull.title, pull.number)
}

fn trailer(task: &Task) -> String {
    format!("Opsmith-Task: {}\n", task.id)
}

/// The plan of a merge: the merge itself, then what may come after it, in the order of [`MergeInput`]'s indices.
fn plan_of(
    task: &Task,
    by: &Principal,
    target: Target,
    publish: &ForgeMerge,
    when_ready: bool,
    delete: Option<&DeleteRequest>,
) -> Plan {
    let short = short_sha(publish.head_sha());
    let mut effects = vec![Effect {
        kind: MERGE,
        target: target.clone(),
        summary: format!("merge {short} of {} into {}", task.branch, publish.base()),
        parameters: publish.parameters(),
    }];
    if let (true, ForgeMerge::GitHub(pull)) = (when_ready, publish) {
        effects.push(Effect {
            kind: MERGE,
            target: target.clone(),
            summary: format!("else have GitHub merge {short} of {} as soon as its rules allow", task.branch),
            parameters: pull.later_parameters(),
        });
    }
    if let Some(delete) = delete {
        effects.push(Effect {
            kind: DELETE_BRANCH,
            target: target.clone(),
            summary: format!("delete branch {}", delete.branch),
            parameters: delete.parameters(),
        });
    }
    let what = match publish {
        ForgeMerge::Git(publish) => publish.sha.clone(),
        ForgeMerge::GitHub(pull) => format!("{}:{}:{:?}:{when_ready}", pull.number, pull.head_sha, pull.method),
    };
    let operation = Operation {
        kind: MERGE.as_str().to_owned(),
        target,
        principal: by.clone(),
        key: format!("merge:{}:{what}:{}", task.id, delete.is_some()),
    };
    Plan { operation, effects }
}
