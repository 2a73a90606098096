use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{ListContainersOptions, RemoveContainerOptions};
use bollard::{API_DEFAULT_VERSION, Docker};

use super::{Container, Enforceable, MARKER_LABEL, OWNER_LABEL};
use crate::{Backend, ContainerSettings, Marker, SandboxError};

/// For one answer of the daemon; its work on a loaded machine takes seconds.
const ANSWER_TIMEOUT_S: u64 = 60;

/// How long a daemon may take to show that it is there.
const PATIENCE: Duration = Duration::from_secs(10);

impl Container {
    /// Asks the daemon what it can, and whether it has the image.
    pub async fn probe(settings: Option<ContainerSettings>) -> Result<Self, SandboxError> {
        let missing = |reason: String| SandboxError::BackendMissing { backend: Backend::Container, reason };
        let settings = settings.ok_or_else(|| missing("no image is configured".to_owned()))?;
        let socket = settings.socket.display().to_string();
        let (docker, limits) = match tokio::time::timeout(PATIENCE, ask(&socket)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(missing(format!("no daemon answers at `{socket}`: {error}"))),
            Err(_) => return Err(missing(format!("the daemon at `{socket}` does not answer"))),
        };
        match docker.inspect_image(&settings.image).await {
            Ok(_) => Ok(Self { docker, settings, limits }),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                Err(missing(format!("the daemon has no image `{}`", settings.image)))
            }
            Err(error) => Err(missing(format!("image `{}` cannot be looked at: {error}", settings.image))),
        }
    }

    /// Removes what runs, or once ran, under `marker`; how many containers it were.
    pub async fn reap(&self, marker: &Marker) -> Result<usize, SandboxError> {
        self.remove_labelled(format!("{MARKER_LABEL}={marker}")).await
    }

    /// Removes all containers of this owner; how many there were.
    pub async fn sweep(&self) -> Result<usize, SandboxError> {
        self.remove_labelled(format!("{OWNER_LABEL}={}", self.settings.owner)).await
    }

    async fn remove_labelled(&self, label: String) -> Result<usize, SandboxError> {
        let filters = HashMap::from([("label".to_owned(), vec![label.clone()])]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..ListContainersOptions::default() };
        let listed = self.docker.list_containers(Some(options)).await;
        let listed = listed.map_err(|source| failed(format!("list containers labelled `{label}`"), source))?;
        let mut removed = 0;
        for id in listed.into_iter().filter_map(|container| container.id) {
            remove(&self.docker, &id).await?;
            removed += 1;
        }
        Ok(removed)
    }
}

async fn ask(socket: &str) -> Result<(Docker, Enforceable), Error> {
    let docker = Docker::connect_with_unix(socket, ANSWER_TIMEOUT_S, API_DEFAULT_VERSION)?.negotiate_version().await?;
    let info = docker.info().await?;
    let limits = Enforceable {
        processes: info.pids_limit.unwrap_or(false),
        memory: info.memory_limit.unwrap_or(false),
        cpu: info.cpu_cfs_period.unwrap_or(false) && info.cpu_cfs_quota.unwrap_or(false),
    };
    Ok((docker, limits))
}

/// Kills and removes a container; one that is gone, or being removed by somebody else, is what was wanted.
pub(super) async fn remove(docker: &Docker, id: &str) -> Result<(), SandboxError> {
    let options = RemoveContainerOptions { force: true, v: true, ..RemoveContainerOptions::default() };
    match docker.remove_container(id, Some(options)).await {
        Ok(()) | Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
        Err(source) => Err(failed(format!("remove the container `{id}`"), source)),
    }
}

pub(super) fn failed(action: String, source: Error) -> SandboxError {
    SandboxError::Container { action, source: Box::new(source) }
}
