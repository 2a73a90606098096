use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use opsmith_forge::git::{GitError, Workspace};
use opsmith_model::TaskId;
use opsmith_runs::{Identity, RunState};

use crate::sweep_turn::turn;
use crate::{Ampx, AmpxError, db};

/// Beside the work folders: those that nobody goes on with, until they are gone.
const SWEPT: &str = "swept";

/// Removes what this machine's workers left and nobody goes on with: the work folders of tasks that have ended or
/// that another machine has taken over, the processes in them, and the agents' homes of tasks that are over.
pub(crate) async fn sweep(ampx: &Ampx, identity: &Identity) -> Result<(), AmpxError> {
    let swept = ampx.work_root.join(SWEPT);
    for name in Workspace::strays(&ampx.work_root)? {
        let Ok(id) = TaskId::from_str(&name) else { continue };
        // Most folders are in use, which is seen without keeping anybody waiting.
        let moved = match is_at_work(ampx, id, identity).await {
            Ok(true) => continue,
            Ok(false) => move_away(ampx, id, identity, &swept).await,
            Err(error) => Err(error),
        };
        match moved {
            Ok(true) => tracing::info!(task.id = %id, "removing a work folder that nobody goes on with"),
            Ok(false) => {}
            Err(error) => tracing::warn!(task.id = %id, %error, "failed to remove a work folder"),
        }
    }
    for name in Workspace::strays(&swept)? {
        if let Err(error) = Workspace::at(&swept, &name, ampx.git.clone()).remove().await {
            tracing::warn!(folder = name, %error, "failed to remove an old work folder");
        }
    }
    // It stays where something in it does.
    let _ = fs::remove_dir(&swept);
    for name in Workspace::strays(&ampx.agent_root())? {
        let Ok(id) = TaskId::from_str(&name) else { continue };
        let over = match ampx.task(id).await {
            Ok(task) => task.status.is_last(),
            Err(AmpxError::NoSuchTask(_)) => true,
            Err(error) => return Err(error),
        };
        if over && let Err(error) = crate::runs::forget_agent(ampx, id).await {
            tracing::warn!(task.id = %id, %error, "failed to remove an agent's home");
        }
    }
    Ok(())
}

/// Ends a task's processes here and moves its folder away, unless it is in use after all.
///
/// A run that comes here has its lease first, and then waits in [`let_pass`] before it touches its folder.
async fn move_away(ampx: &Ampx, id: TaskId, identity: &Identity, swept: &Path) -> Result<bool, AmpxError> {
    // Of a sweep that was killed; two folders of one name would be in each other's way.
    Workspace::at(swept, &id.to_string(), ampx.git.clone()).remove().await?;
    let _turn = turn(ampx).await?;
    if is_at_work(ampx, id, identity).await? {
        return Ok(false);
    }
    if !is_on_this_host(ampx, id, identity).await? {
        crate::runs::end_processes(ampx, id).await?;
    }
    let moved = folders_of(&ampx.work_root, id).and_then(|folders| {
        fs::create_dir_all(swept)?;
        folders.iter().try_for_each(|folder| move_into(folder, swept))
    });
    moved.map_err(|source| GitError::io(format!("move the work folder of task `{id}` away"), source))?;
    Ok(true)
}

/// Whether another worker of this host has the task's run: it ended what ran here when it took over, and what runs
/// under the task's name now is its own.
async fn is_on_this_host(ampx: &Ampx, id: TaskId, identity: &Identity) -> Result<bool, AmpxError> {
    let run_id = db::tasks::find(ampx.store.read(), id).await?.and_then(|task| task.run_id);
    let Some(run_id) = run_id else { return Ok(false) };
    let RunState::Running { worker_id, .. } = ampx.runs.show(run_id).await?.state else { return Ok(false) };
    let workers = ampx.runs.workers().await?;
    Ok(workers.iter().any(|worker| worker.id == worker_id && worker.host == identity.host()))
}

/// A task's folder, and what is left of one that was half removed.
fn folders_of(root: &Path, id: TaskId) -> io::Result<Vec<PathBuf>> {
    let id = id.to_string();
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name().as_encoded_bytes().starts_with(id.as_bytes()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

fn move_into(folder: &Path, parent: &Path) -> io::Result<()> {
    let Some(name) = folder.file_name() else { return Ok(()) };
    // An agent may have closed it, and a folder that is closed cannot change its parent.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    fs::rename(folder, parent.join(name))
}

/// Whether a worker of this data folder has the task's run, or may get it: the folder is that run's to remove.
async fn is_at_work(ampx: &Ampx, id: TaskId, identity: &Identity) -> Result<bool, AmpxError> {
    let Some(task) = db::tasks::find(ampx.store.read(), id).await? else { return Ok(false) };
    let Some(run_id) = task.run_id else { return Ok(false) };
    Ok(match ampx.runs.show(run_id).await?.state {
        RunState::Queued => true,
        // Also of a task that was just given up: its run tidies up after itself.
        RunState::Running { worker_id, .. } => identity.shares_folder_with(&worker_id),
        RunState::Finished { .. } => false,
    })
}
