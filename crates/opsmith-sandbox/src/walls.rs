use serde::{Deserialize, Serialize};

use crate::{Backend, Sandbox};

/// How far a wall holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// Against a hostile command too.
    Full,
    /// With the gap that [`crate::Capability::detail`] names.
    Partial,
    /// Not at all.
    None,
}

/// What a sandbox keeps its commands from, here and now; small enough to be recorded with each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walls {
    /// How commands are run.
    pub backend: Backend,
    /// Reading of files that are neither the command's, nor the system's, nor listed.
    pub files_read: Enforcement,
    /// Writing of files that are neither the command's nor listed.
    pub files_written: Enforcement,
    /// [`crate::Network::Off`].
    pub network_off: Enforcement,
    /// [`crate::Network::Listed`].
    pub network_listed: Enforcement,
    /// No process outlives the command.
    pub processes_end: Enforcement,
    /// [`crate::Limits::processes`].
    pub process_count: Enforcement,
    /// [`crate::Limits::memory_mib`].
    pub memory: Enforcement,
    /// [`crate::Limits::cpu_percent`].
    pub cpu: Enforcement,
    /// Rights beyond those of the user it runs as.
    pub privileges: Enforcement,
}

impl Sandbox {
    /// What this sandbox enforces on this machine; [`Sandbox::capabilities`] says the same with reasons.
    pub fn walls(&self) -> Walls {
        Walls {
            backend: self.backend(),
            files_read: self.files_read().0,
            files_written: self.files_written().0,
            network_off: self.network_off().0,
            network_listed: self.network_listed().0,
            processes_end: self.processes_end().0,
            process_count: self.process_count().0,
            memory: self.memory().0,
            cpu: self.cpu().0,
            privileges: self.privileges().0,
        }
    }
}
