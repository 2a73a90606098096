use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use opsmith_model::{ErrorKind, Hint};
use serde::{Deserialize, Serialize};

use crate::{Sandbox, SandboxError};

/// A way to run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A session of its own on this machine, as this user.
    Local,
    /// The same, in namespaces of its own that `bwrap` makes.
    Bubblewrap,
    /// A container of a Docker daemon on this machine.
    Container,
}

/// Which backend is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// The best that works here: bubblewrap, else a container where one is configured, else local.
    #[default]
    Auto,
    /// [`Backend::Local`].
    Local,
    /// [`Backend::Bubblewrap`], or nothing.
    Bubblewrap,
    /// [`Backend::Container`], or nothing.
    Container,
}

/// A word that is no [`Preference`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a sandbox")]
pub struct ParsePreferenceError(String);

/// What a sandbox is made from.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The environment of opsmith itself; of it, only [`crate::HOST_ENV`] passes.
    pub host_env: Vec<(OsString, OsString)>,
    /// Folders that no command sees, but for what lies in them and is its own: opsmith's data, home folders.
    pub hidden: Vec<PathBuf>,
    /// The daemon and image for [`Backend::Container`].
    pub container: Option<ContainerSettings>,
}

/// Where containers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSettings {
    /// The daemon's unix socket; it has to be on this machine, since folders are mounted.
    pub socket: PathBuf,
    /// The image, which the daemon has to have: nothing is pulled.
    pub image: String,
    /// The daemon's network for commands that may reach anything, such as `bridge`.
    pub network: String,
    /// Labels our containers; only one living opsmith may use it, since [`Sandbox::sweep`] removes all that carry it.
    pub owner: String,
}

impl Sandbox {
    /// The sandbox that is asked for, tried out.
    ///
    /// Fails when the one asked for does not work here; [`Preference::Auto`] falls back to the next best.
    pub async fn choose(preference: Preference, setup: Setup) -> Result<Self, SandboxError> {
        match preference {
            Preference::Local => Self::local(setup.host_env),
            Preference::Bubblewrap => Self::bubblewrap(setup).await,
            Preference::Container => Self::container(setup).await,
            Preference::Auto => Self::best(setup).await,
        }
    }

    async fn best(setup: Setup) -> Result<Self, SandboxError> {
        let mut passed_over = Vec::new();
        let mut note = |why_not: SandboxError| {
            tracing::info!(reason = %why_not, "a better sandbox is not used");
            passed_over.push(why_not.to_string());
        };
        match Self::bubblewrap(setup.clone()).await {
            Ok(sandbox) => return Ok(sandbox),
            Err(why_not) => note(why_not),
        }
        let mut sandbox = None;
        if setup.container.is_some() {
            match Self::container(setup.clone()).await {
                Ok(container) => sandbox = Some(container),
                Err(why_not) => note(why_not),
            }
        }
        let sandbox = sandbox.map_or_else(|| Self::local(setup.host_env), Ok)?;
        Ok(Self { passed_over: passed_over.into(), ..sandbox })
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "local",
            Self::Bubblewrap => "bubblewrap",
            Self::Container => "container",
        })
    }
}

impl FromStr for Preference {
    type Err = ParsePreferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "local" => Ok(Self::Local),
            "bubblewrap" => Ok(Self::Bubblewrap),
            "container" => Ok(Self::Container),
            other => Err(ParsePreferenceError(other.chars().take(40).collect())),
        }
    }
}

impl Hint for ParsePreferenceError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("use `auto`, `local`, `bubblewrap` or `container`".to_owned())
    }
}
