use std::time::Duration;

use opsmith_forge::github::GitHub;
use opsmith_forge::local::PullRequestState;
use opsmith_model::TaskId;
use tokio::time::timeout;

use crate::task::Task;
use crate::{Ampx, AmpxError, db};

/// How many tasks are looked at in one round.
const TASKS_A_ROUND: u64 = 100;

/// Looks after the merges that were left to GitHub: each is recorded once it is made, and a branch that is to go goes.
/// It looks when a webhook comes, and every poll interval.
pub(crate) async fn watch(ampx: Ampx) {
    if !ampx.forge.has_github() {
        return;
    }
    let (wake, pause) = (ampx.wakes.of_all(), Duration::from_secs(ampx.settings.poll_interval_s.max(1)));
    loop {
        if let Err(error) = round(&ampx).await {
            tracing::warn!(%error, "failed to look after merges that GitHub is to make");
        }
        let _ = timeout(pause, wake.notified()).await;
    }
}

async fn round(ampx: &Ampx) -> Result<(), AmpxError> {
    for task in db::tasks::to_be_merged(ampx.store.read(), TASKS_A_ROUND).await? {
        let url = ampx.url_of(&task)?;
        let Some(github) = ampx.forge.github(&url) else { continue };
        if let Err(error) = look(ampx, github, &task).await {
            tracing::warn!(task.id = %task.id, %error, "failed to see whether GitHub has merged it");
        }
    }
    Ok(())
}

async fn look(ampx: &Ampx, github: &GitHub, task: &Task) -> Result<(), AmpxError> {
    let repository = github.repository(&ampx.url_of(task)?)?;
    let Some(pull) = repository.pull_of_branch(&task.branch).await? else { return Ok(()) };
    match pull.state {
        PullRequestState::Open => Ok(()),
        PullRequestState::Merged { .. } => ampx.record_auto_merge(task.id).await,
        PullRequestState::Closed => {
            let summary = format!("pull request {} was closed by someone else, so it is not merged", pull.number);
            give_up(ampx, task.id, &summary).await
        }
    }
}

/// Forgets the standing yes.
async fn give_up(ampx: &Ampx, id: TaskId, summary: &str) -> Result<(), AmpxError> {
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    let Some(mut task) = db::tasks::find(&*write, id).await?.filter(|task| task.auto_merge.is_some()) else {
        return Ok(());
    };
    task.auto_merge = None;
    task.summary = summary.to_owned();
    ampx.save(&write, &mut task).await?;
    write.commit().await?;
    ampx.woken();
    Ok(())
}
