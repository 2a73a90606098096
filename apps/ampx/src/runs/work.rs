//! What the steps of a task's run have in common.

use std::time::Duration;

use opsmith_forge::git::{BaseRef, CachedRepo, Workspace, unpack};
use opsmith_model::{ErrorKind, Hint, RunId, TaskId};
use opsmith_runs::{Halt, StepScope};
use opsmith_sandbox::Marker;
use serde::{Deserialize, Serialize};

use super::halt::halt;
use crate::task::{Task, TaskStatus};
use crate::{Ampx, AmpxError, db};

/// How much output of one command is kept.
pub(super) const MOST_LOG_BYTES: u64 = 4 * 1024 * 1024;
/// How often a network step is tried before it fails.
const NETWORK_TRIES: u32 = 3;

/// How a task's run ends, for the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum End {
    /// The pull request is open and green.
    Success(String),
    /// A person has to look.
    Review(String),
    /// Something is broken that is not the agent's to mend.
    Error(String),
    /// It was given up.
    Aborted(String),
}

/// The base that a run works against.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Prepared {
    pub(super) base: BaseRef,
    /// The CI command of the base branch's `.opsmith.toml`, else of the configuration.
    pub(super) ci_command: Option<String>,
    /// How often a red check is run again before it counts.
    #[serde(default)]
    pub(super) reruns: u32,
    /// Whether the repository is on a GitHub that is configured.
    #[serde(default)]
    pub(super) on_github: bool,
    /// Who decides whether a commit is green.
    #[serde(default)]
    pub(super) decides: Decides,
}

/// Who decides whether a commit is green.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Decides {
    /// The check that runs here.
    #[default]
    Here,
    /// GitHub's CI, once the commit is pushed.
    GitHub {
        /// Whether it is checked here before, as far as that can be done.
        first_here: bool,
    },
}

/// What the steps of a run work with.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) ampx: Ampx,
    pub(super) id: TaskId,
    pub(super) prepared: Prepared,
    /// The newest commit that we made.
    pub(super) head: Option<String>,
    /// The newest commit that we pushed. Not read from the task: a push that is done again after a kill would find
    /// its own mark there, and have another plan than the one that was permitted.
    pub(super) pushed: Option<String>,
    /// What the next commit is put on in place of the newest, which holds a secret and is never pushed.
    pub(super) instead: Option<String>,
}

impl Work {
    pub(super) async fn task(&self) -> Result<Task, Halt> {
        self.ampx.task(self.id).await.map_err(halt)
    }

    /// The commit whose files the next one builds on.
    pub(super) fn parent(&self) -> &str {
        self.head.as_deref().unwrap_or(&self.prepared.base.sha)
    }

    /// The commit that the next one has as its parent.
    pub(super) fn onto(&self) -> &str {
        self.instead.as_deref().unwrap_or_else(|| self.parent())
    }

    pub(super) fn workspace(&self) -> Workspace {
        workspace(&self.ampx, self.id)
    }

    /// The cached repository with the base and our newest commit in it, also where another machine made that.
    pub(super) async fn repo(&self) -> Result<CachedRepo, Halt> {
        let repo = repo(&self.ampx, self.id).await?;
        let wanted: Vec<&str> =
            std::iter::once(&self.prepared.base.sha).chain(&self.head).map(String::as_str).collect();
        if repo.contains_all(&wanted).await.map_err(halt)? {
            return Ok(repo);
        }
        if !repo.contains(&self.prepared.base.sha).await.map_err(halt)? {
            remote(&self.ampx, self.id).await?.fetch().await.map_err(halt)?;
        }
        if let Some(head) = &self.head
            && !repo.contains(head).await.map_err(halt)?
            && let Some(packed) = db::commits::find(self.ampx.store.read(), head).await?
        {
            unpack(&self.ampx.git, repo.git_dir(), packed).await.map_err(halt)?;
        }
        Ok(repo)
    }
}

pub(crate) fn workspace(ampx: &Ampx, id: TaskId) -> Workspace {
    Workspace::at(&ampx.work_root, &id.to_string(), ampx.git.clone())
}

/// The cached repository of a task, by a git that may talk to its remote.
pub(super) async fn remote(ampx: &Ampx, id: TaskId) -> Result<CachedRepo, Halt> {
    let task = ampx.task(id).await.map_err(halt)?;
    let url = ampx.url_of(&task).map_err(halt)?;
    ampx.remote(&url).await.map_err(halt)
}

/// The cached repository of a task.
pub(super) async fn repo(ampx: &Ampx, id: TaskId) -> Result<CachedRepo, Halt> {
    let task = ampx.task(id).await.map_err(halt)?;
    let url = ampx.url_of(&task).map_err(halt)?;
    ampx.cache.open(&url).await.map_err(halt)
}

/// Removes the agent's home and sessions of a task that nobody can continue.
pub(crate) async fn forget_agent(ampx: &Ampx, id: TaskId) -> Result<(), AmpxError> {
    Ok(Workspace::at(&ampx.agent_root(), &id.to_string(), ampx.git.clone()).remove().await?)
}

/// The processes of one command of a task.
pub(super) fn marker(id: TaskId, what: &str) -> Result<Marker, AmpxError> {
    Ok(format!("ampx-{id}-{what}").parse()?)
}

/// Waits for `what`, unless the run has to stop. What acts must bear to be dropped.
pub(super) async fn unless_stopped<T>(scope: &StepScope, what: impl Future<Output = T>) -> Result<T, Halt> {
    let token = scope.token();
    tokio::select! {
        done = what => Ok(done),
        () = token.cancelled() => Err(scope.stopped()),
    }
}

/// Tries a network call again where it was unavailable, unless the run has to stop.
pub(super) async fn patiently<T, E, F, Fut>(scope: &StepScope, call: F) -> Result<T, Halt>
where
    F: Fn() -> Fut,
    E: Hint + std::fmt::Display + Into<AmpxError>,
    Fut: Future<Output = Result<T, E>>,
{
    let token = scope.token();
    let mut tried = 1;
    loop {
        let outcome = tokio::select! {
            outcome = call() => outcome,
            () = token.cancelled() => return Err(scope.stopped()),
        };
        match outcome {
            Err(error) if error.kind() == ErrorKind::Unavailable && tried < NETWORK_TRIES => {
                tracing::info!(%error, tried, "trying again");
                let pause = Duration::from_secs(u64::from(tried) * 2);
                let _ = tokio::time::timeout(pause, token.cancelled()).await;
                tried += 1;
            }
            other => return other.map_err(halt),
        }
    }
}

/// Changes the task, if this run still has it; one that was given up meanwhile cancels the run.
pub(super) async fn change(
    ampx: &Ampx,
    scope: &StepScope,
    id: TaskId,
    run_id: RunId,
    change: impl FnOnce(&mut Task) -> Result<(), Halt> + Send,
) -> Result<Task, Halt> {
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    scope.hold(&write).await?;
    let task = db::tasks::of_run(&write, id, run_id).await?;
    let Some(mut task) = task.filter(|task| task.status != TaskStatus::Aborted) else { return Err(Halt::Cancelled) };
    change(&mut task)?;
    ampx.save(&write, &mut task).await.map_err(halt)?;
    write.commit().await?;
    ampx.woken();
    Ok(task)
}
