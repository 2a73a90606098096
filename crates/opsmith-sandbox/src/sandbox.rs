use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::absolute;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bubblewrap::Bubblewrap;
use crate::cgroup::Cgroups;
use crate::container::Container;
use crate::family::Leash;
use crate::spawn::{Spawner, check_folder};
use crate::{Access, Backend, CommandSpec, Exit, Marker, OutputChunk, SandboxError, Setup, environment};

/// The place where foreign commands run; cheap to clone, one per process is enough.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub(crate) host_env: BTreeMap<OsString, OsString>,
    pub(crate) spawner: Spawner,
    pub(crate) cgroups: Arc<Cgroups>,
    pub(crate) room: Room,
    pub(crate) access: Access,
    pub(crate) passed_over: Arc<[String]>,
}

/// The backend with what it needs.
#[derive(Debug, Clone)]
pub(crate) enum Room {
    Local,
    Bubblewrap(Arc<Bubblewrap>),
    Container(Arc<Container>),
}

impl Sandbox {
    /// Commands run on this machine, as this user. Of `host_env` only [`crate::HOST_ENV`] passes.
    ///
    /// Fails when the thread that starts commands cannot be had.
    pub fn local(host_env: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, SandboxError> {
        Self::of(Room::Local, environment::allowed(host_env))
    }

    /// Commands run in namespaces of their own. Fails where `bwrap` is missing or cannot make them.
    pub(crate) async fn bubblewrap(setup: Setup) -> Result<Self, SandboxError> {
        let env = environment::allowed(setup.host_env.iter().cloned());
        let room = Room::Bubblewrap(Arc::new(Bubblewrap::probe(&setup, &env).await?));
        Self::of(room, env)
    }

    /// Commands run in containers. Fails where none is configured, the daemon is away, or it lacks the image.
    pub(crate) async fn container(setup: Setup) -> Result<Self, SandboxError> {
        let room = Room::Container(Arc::new(Container::probe(setup.container).await?));
        Self::of(room, environment::allowed(setup.host_env))
    }

    fn of(room: Room, host_env: BTreeMap<OsString, OsString>) -> Result<Self, SandboxError> {
        let cgroups = Arc::new(Cgroups::probe());
        let (spawner, access) = (Spawner::new()?, Access::default());
        Ok(Self { host_env, spawner, cgroups, room, access, passed_over: Arc::default() })
    }

    /// The same sandbox for commands that may touch `access`.
    #[must_use]
    pub fn with_access(&self, access: Access) -> Self {
        Self { access, ..self.clone() }
    }

    /// What its commands may touch.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Why each better backend was not taken, for a person; none where this one was asked for.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// How commands are run.
    pub fn backend(&self) -> Backend {
        match &self.room {
            Room::Local => Backend::Local,
            Room::Bubblewrap(_) => Backend::Bubblewrap,
            Room::Container(_) => Backend::Container,
        }
    }

    /// Runs a command to its end, whichever that is; no process of it is left afterwards, daemons included.
    ///
    /// Output goes to `output` at the receiver's pace, so receive while this runs; without a receiver it is dropped.
    /// `cancel` ends the command within 2 s, and so does dropping the future, though without waiting for it; a container
    /// takes as long as its daemon.
    ///
    /// Fails when the command cannot be started, and when processes of it cannot be found or killed.
    pub async fn run(
        &self,
        mut spec: CommandSpec,
        output: mpsc::Sender<OutputChunk>,
        cancel: &CancellationToken,
    ) -> Result<Exit, SandboxError> {
        check_folder(&spec.cwd)?;
        let failed = |source| SandboxError::WorkingFolder { cwd: spec.cwd.clone(), source };
        spec.cwd = absolute(&spec.cwd).map_err(failed)?;
        match &self.room {
            Room::Local => self.run_here(spec, None, output, cancel).await,
            Room::Bubblewrap(bubblewrap) => self.run_here(spec, Some(bubblewrap), output, cancel).await,
            Room::Container(container) => container.run(spec, &self.access, output, cancel).await,
        }
    }

    /// Kills every process that carries `marker`, as a killed opsmith left it behind; how many there were, a container
    /// counting as one.
    ///
    /// Not for a marker whose command this or another process still runs.
    pub async fn reap(&self, marker: &Marker) -> Result<usize, SandboxError> {
        self.reap_all(std::slice::from_ref(marker)).await
    }

    /// The same for several markers, in one look at the processes of the machine.
    pub async fn reap_all(&self, markers: &[Marker]) -> Result<usize, SandboxError> {
        let Some((first, more)) = markers.split_first() else { return Ok(0) };
        let mut killed = Leash::on_leftovers(first, more).sweep().await?;
        for marker in markers {
            killed += self.cgroups.reap(marker).await?;
            if let Room::Container(container) = &self.room {
                killed += container.reap(marker).await?;
            }
        }
        if killed > 0 {
            tracing::info!(sandbox.marker = %first, sandbox.markers = markers.len(), killed, "leftover processes killed");
        }
        Ok(killed)
    }

    /// Removes every container that an earlier opsmith of the same [`crate::ContainerSettings::owner`] left behind; how
    /// many there were. For the start of a process, before it runs anything; other backends leave nothing that
    /// [`Sandbox::reap`] does not find.
    pub async fn sweep(&self) -> Result<usize, SandboxError> {
        match &self.room {
            Room::Container(container) => container.sweep().await,
            Room::Local | Room::Bubblewrap(_) => Ok(0),
        }
    }
}
