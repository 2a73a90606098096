//! The walls around a task's commands: what each may touch, that what is asked for holds, and what is recorded.

use std::borrow::Cow;

use opsmith_forge::git::CachedRepo;
use opsmith_model::{ErrorKind, Hint};
use opsmith_runs::Halt;
use opsmith_sandbox::{Access, Backend, Enforcement, Network, Sandbox};

use super::halt::halt;
use super::work::Work;
use crate::agents::Agent;
use crate::config::{AgentKind, AgentSettings, CiProvider, Settings};
use crate::walls::CommandWalls;
use crate::{Ampx, db};

const CI_KEY: &str = "ampx.ci.network";

/// Fails where a wall is asked for that this machine cannot put up, before an agent has spent anything.
pub(super) fn check_asked(ampx: &Ampx, agent: &str) -> Result<(), Halt> {
    let sandbox = ampx.sandbox().map_err(halt)?;
    match asked_in_vain(&ampx.settings, agent, sandbox) {
        Some(missing) => Err(Halt::failed(&missing)),
        None => Ok(()),
    }
}

/// The first wall that the settings ask for around that agent or the check, and that this sandbox does not have.
pub(crate) fn asked_in_vain(settings: &Settings, agent: &str, sandbox: &Sandbox) -> Option<NoWall> {
    let runs_a_program = |agent: &Cow<'_, AgentSettings>| agent.kind != AgentKind::Script;
    let of_agent = settings.agent(agent).filter(runs_a_program).map(|agent| agent.network.0.clone());
    let of_check = (settings.ci.provider != CiProvider::None).then(|| settings.ci.network.0.clone());
    let asked = [(of_agent, key_of(agent)), (of_check, CI_KEY.to_owned())];
    asked.into_iter().find_map(|(network, key)| NoWall::of(&network?, key, sandbox))
}

/// The sandbox of the task's agent: it touches what its program needs, and reads the history that its `.git` borrows.
pub(super) fn around_agent(work: &Work, repo: &CachedRepo, name: &str, agent: &Agent) -> Result<Sandbox, Halt> {
    let mut access = agent.access();
    // git has them without links in its `alternates`.
    let folders = [work.workspace().control().join("objects"), repo.git_dir().join("objects")];
    access.readable.extend(folders.into_iter().filter_map(|folder| folder.canonicalize().ok()));
    walled(work, access, key_of(name))
}

/// The sandbox of a check, which itself adds what it is given of the commit.
pub(super) fn around_check(work: &Work) -> Result<Sandbox, Halt> {
    let network = work.ampx.settings.ci.network.0.clone();
    walled(work, Access { network, ..Access::default() }, CI_KEY.to_owned())
}

/// Records the walls around the attempt's agent.
pub(super) async fn record_agents(work: &Work, number: u32, sandbox: &Sandbox) -> Result<(), Halt> {
    let write = work.ampx.store.write().await?;
    let walls = CommandWalls::of(sandbox);
    db::attempts::change(&write, work.id, number, |attempt| attempt.agent_walls = Some(walls)).await?;
    Ok(write.commit().await?)
}

/// Records the walls around the attempt's check.
pub(super) async fn record_checks(work: &Work, number: u32, sandbox: &Sandbox) -> Result<(), Halt> {
    let write = work.ampx.store.write().await?;
    let walls = CommandWalls::of(sandbox);
    db::attempts::change(&write, work.id, number, |attempt| attempt.check_walls = Some(walls)).await?;
    Ok(write.commit().await?)
}

fn key_of(agent: &str) -> String {
    format!("ampx.agents.{agent}.network")
}

fn walled(work: &Work, access: Access, key: String) -> Result<Sandbox, Halt> {
    let ampx = &work.ampx;
    let sandbox = ampx.sandbox().map_err(halt)?.with_access(ampx.sandbox_choice.sharing(access));
    match NoWall::of(&sandbox.access().network, key, &sandbox) {
        Some(missing) => Err(Halt::failed(&missing)),
        None => Ok(sandbox),
    }
}

/// A wall that is asked for and cannot be put up here; without it nothing is run.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` is {asked}, and the sandbox `{backend}` cannot hold a command to that here")]
pub(crate) struct NoWall {
    key: String,
    asked: &'static str,
    backend: Backend,
}

impl NoWall {
    /// What `key` asks of the network and is not held in that sandbox.
    fn of(network: &Network, key: String, sandbox: &Sandbox) -> Option<Self> {
        let (held, asked) = match network {
            Network::On => return None,
            Network::Off => (sandbox.walls().network_off, "\"off\""),
            Network::Listed(_) => (sandbox.walls().network_listed, "a list"),
        };
        (held != Enforcement::Full).then(|| Self { key, asked, backend: sandbox.backend() })
    }
}

impl Hint for NoWall {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Unavailable
    }

    fn hint(&self) -> Option<String> {
        let first = match self.backend {
            Backend::Local => "install bubblewrap, and see in `ampx doctor` that it works",
            Backend::Bubblewrap | Backend::Container => "set `sandbox.backend = \"bubblewrap\"`",
        };
        Some(format!("{first}; or set `{} = \"on\"` to go without that wall", self.key))
    }
}
