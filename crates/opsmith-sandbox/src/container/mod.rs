//! The backend that runs a command in a container of a Docker daemon on this machine.

mod probe;
mod run;
mod spec;

use bollard::Docker;

use crate::ContainerSettings;

/// Carries [`ContainerSettings::owner`].
const OWNER_LABEL: &str = "opsmith.owner";

/// Carries the command's [`crate::Marker`].
const MARKER_LABEL: &str = "opsmith.marker";

/// A daemon that answers and has the image.
#[derive(Debug)]
pub(crate) struct Container {
    docker: Docker,
    settings: ContainerSettings,
    /// What its kernel can hold a container to.
    pub limits: Enforceable,
}

/// The limits that a daemon says it can set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Enforceable {
    pub processes: bool,
    pub memory: bool,
    pub cpu: bool,
}
