//! Which sandbox agents and CI commands run in, and what of this machine none of them sees.

use std::path::{Path, PathBuf};

use opsmith_host::config::{Config, Platform, SandboxBackend, process_env, process_environment};
use opsmith_sandbox::{Access, ContainerSettings, Preference, Sandbox, SandboxError, Setup};

/// The variable with the user's home.
const HOME_VARIABLE: &str = "HOME";

/// The sandbox that is configured; nothing is tried out yet.
#[derive(Clone, Debug)]
pub struct SandboxChoice {
    preference: Preference,
    setup: Setup,
    container: Option<ContainerSettings>,
    shared: Access,
}

impl SandboxChoice {
    /// The choice of the configuration. Hidden are opsmith's data, the user's home and the configuration's own file.
    pub fn of(platform: &Platform, config: &Config) -> Self {
        let settings = &platform.sandbox;
        let preference = match settings.backend {
            SandboxBackend::Auto => Preference::Auto,
            SandboxBackend::Local => Preference::Local,
            SandboxBackend::Bubblewrap => Preference::Bubblewrap,
            SandboxBackend::Container => Preference::Container,
        };
        let container = settings.image.clone().map(|image| ContainerSettings {
            socket: settings.socket.clone(),
            image,
            network: settings.container_network.clone(),
            owner: String::new(),
        });
        let shared =
            Access { readable: settings.readable.clone(), writable: settings.writable.clone(), ..Access::default() };
        let setup = Setup { host_env: process_environment(), hidden: hidden(platform, config), container: None };
        Self { preference, setup, container, shared }
    }

    /// Makes the sandbox. `owner` labels its containers, and is nobody else's who lives.
    pub async fn make(&self, owner: &str) -> Result<Sandbox, SandboxError> {
        let container =
            self.container.clone().map(|settings| ContainerSettings { owner: owner.to_owned(), ..settings });
        Sandbox::choose(self.preference, Setup { container, ..self.setup.clone() }).await
    }

    /// The same for a command that only looks: its containers are no worker's.
    pub(crate) async fn make_to_look(&self) -> Result<Sandbox, SandboxError> {
        self.make(&format!("ampx-{}", std::process::id())).await
    }

    /// `access`, and what the configuration gives every command.
    pub(crate) fn sharing(&self, mut access: Access) -> Access {
        access.readable.extend(self.shared.readable.iter().cloned());
        access.writable.extend(self.shared.writable.iter().cloned());
        access
    }
}

/// Where secrets are kept, each also by its name without links.
fn hidden(platform: &Platform, config: &Config) -> Vec<PathBuf> {
    let store = platform.store_url.expose().strip_prefix("sqlite://").map(PathBuf::from);
    let home = process_env(HOME_VARIABLE).map(PathBuf::from).filter(|home| home != Path::new("/"));
    let given = [Some(platform.data_dir.clone()), home, config.file().map(Path::to_owned), store];
    let mut hidden: Vec<PathBuf> = given.into_iter().flatten().filter(|path| path.is_absolute()).collect();
    let real: Vec<PathBuf> = hidden.iter().filter_map(|path| path.canonicalize().ok()).collect();
    hidden.extend(real);
    hidden.sort();
    hidden.dedup();
    hidden
}
