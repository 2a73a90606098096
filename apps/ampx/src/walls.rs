//! What stood around a command of an attempt.

use opsmith_sandbox::{Enforcement, Network, Sandbox};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The walls around an attempt's agent or check, as they held on the machine that it ran on.
///
/// The walls' names are those of `ampx doctor`; one that holds nowhere may not be asked for either, such as a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandWalls {
    /// How it was run: `local`, `bubblewrap` or `container`.
    pub backend: String,
    /// What it was to reach: `on`, `off` or `listed`. Where the wall of that name does not hold, nothing ran.
    pub network: String,
    /// The destinations of a `listed` network, `host:port` each.
    pub destinations: Vec<String>,
    /// The walls that hold against a hostile command too.
    pub full: Vec<String>,
    /// Those with a gap, which `ampx doctor -v` names.
    pub partial: Vec<String>,
    /// Those that were not there.
    pub none: Vec<String>,
}

impl CommandWalls {
    /// The walls around a command in that sandbox.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let walls = sandbox.walls();
        let rows = [
            ("files_read", walls.files_read),
            ("files_written", walls.files_written),
            ("network_off", walls.network_off),
            ("network_listed", walls.network_listed),
            ("processes_end", walls.processes_end),
            ("process_count", walls.process_count),
            ("memory", walls.memory),
            ("cpu", walls.cpu),
            ("privileges", walls.privileges),
        ];
        let of = |held: Enforcement| {
            rows.iter().filter(|(_, how)| *how == held).map(|(name, _)| (*name).to_owned()).collect()
        };
        let (network, destinations) = match &sandbox.access().network {
            Network::On => ("on", Vec::new()),
            Network::Off => ("off", Vec::new()),
            Network::Listed(listed) => ("listed", listed.iter().map(ToString::to_string).collect()),
        };
        Self {
            backend: walls.backend.to_string(),
            network: network.to_owned(),
            destinations,
            full: of(Enforcement::Full),
            partial: of(Enforcement::Partial),
            none: of(Enforcement::None),
        }
    }

    /// The walls in one line, for a person.
    pub(crate) fn in_short(&self) -> String {
        let network = match self.destinations.as_slice() {
            [] => format!("network {}", self.network),
            listed => format!("network to {}", listed.join(", ")),
        };
        let lacks = |name: &str| self.none.iter().any(|none| none == name);
        match (lacks("files_read"), lacks("files_written")) {
            (false, false) => format!("{}, {network}", self.backend),
            (_, _) => format!("{}, {network}, no walls around files", self.backend),
        }
    }
}
