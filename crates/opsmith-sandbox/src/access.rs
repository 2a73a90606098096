use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use opsmith_model::{ErrorKind, Hint};
use serde::{Deserialize, Serialize};

use crate::CommandSpec;

/// What a command may touch beside its own folders and the system's programs, where the backend has walls.
///
/// A command always reads and writes the folder it starts in, and those that its `HOME` and `TMPDIR` name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Files and folders it may read; what does not exist is passed over.
    pub readable: Vec<PathBuf>,
    /// Files and folders it may change; what does not exist, or is a link, is passed over.
    pub writable: Vec<PathBuf>,
    /// What it may reach.
    pub network: Network,
}

/// What a command may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Whatever this machine reaches.
    #[default]
    On,
    /// Nothing, this machine's own services included.
    Off,
    /// These only, through an HTTP proxy that `HTTP_PROXY` and `HTTPS_PROXY` name.
    Listed(Vec<Destination>),
}

/// A host and a port, such as `api.example.com:443`; compared by name, never by address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination {
    host: String,
    port: u16,
}

/// A text that names no host and port.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a host and a port")]
pub struct ParseDestinationError(String);

impl Hint for ParseDestinationError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("write it as in `api.example.com:443`".to_owned())
    }
}

impl Destination {
    /// The name or address of the host, in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Access {
    /// All that a command may change: its own folders, and those listed.
    ///
    /// A command may have put links in their places before, so that they would now be somebody else's.
    pub(crate) fn writable_of(&self, spec: &CommandSpec) -> Vec<PathBuf> {
        let mut writable = self.writable.clone();
        for name in ["HOME", "TMPDIR"] {
            writable.extend(spec.env.get(OsStr::new(name)).map(PathBuf::from).filter(|path| path.is_absolute()));
        }
        writable.retain(|path| path.exists() && !path.is_symlink());
        writable.push(spec.cwd.clone());
        let all = writable.clone();
        writable.retain(|path| is_inside(path, &all));
        writable
    }

    /// What is listed to be read, seen from a command that may change `writable`.
    pub(crate) fn readable_of(&self, writable: &[PathBuf]) -> Vec<PathBuf> {
        let is_readable = |path: &&PathBuf| path.exists() && is_inside(path, writable);
        self.readable.iter().filter(is_readable).cloned().collect()
    }
}

/// Whether a path is really in those of `folders` that it is in by name: no link on the way leads out of them.
fn is_inside(path: &Path, folders: &[PathBuf]) -> bool {
    let around = folders.iter().filter(|folder| *folder != path && path.starts_with(folder));
    let real = |path: &Path| path.canonicalize().ok();
    let mut leads_in =
        around.map(|folder| real(path).zip(real(folder)).is_some_and(|(path, folder)| path.starts_with(folder)));
    leads_in.all(|inside| inside)
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || ParseDestinationError(text.chars().take(80).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(refusal)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(refusal)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let fits = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
        };
        if !fits || host.len() > 253 {
            return Err(refusal());
        }
        let host = bare.unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for Destination {
    type Error = ParseDestinationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_host_and_a_port() {
        for (text, shown) in [
            ("api.example.com:443", "api.example.com:443"),
            ("API.Example.com.:443", "api.example.com:443"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), shown);
        }
        for bad in ["", ":443", "host", "host:", "host:0", "host:65536", "a b:1", "::1:80", "[x]:1", "u@h:1", "h/p:1"] {
            assert!(bad.parse::<Destination>().is_err(), "{bad:?}");
        }
    }
}
