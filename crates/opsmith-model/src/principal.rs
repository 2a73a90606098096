use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// What sort of asker this is; policy rules match on it.
    pub kind: PrincipalKind,
    /// The login, agent name or service name.
    pub name: String,
}

/// The sorts of [`Principal`]. Only a user can confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A coding agent or another program led by a model.
    Agent,
    /// Opsmith itself or another program that follows fixed rules.
    Service,
}

impl PrincipalKind {
    /// The word for this kind in policy files and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
            Self::Service => "service",
        }
    }
}

impl Principal {
    /// A person.
    pub fn user(name: impl Into<String>) -> Self {
        Self { kind: PrincipalKind::User, name: name.into() }
    }

    /// A program led by a model.
    pub fn agent(name: impl Into<String>) -> Self {
        Self { kind: PrincipalKind::Agent, name: name.into() }
    }

    /// A program that follows fixed rules.
    pub fn service(name: impl Into<String>) -> Self {
        Self { kind: PrincipalKind::Service, name: name.into() }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)
    }
}

/// A text that is not `kind:name`.
#[derive(Debug, thiserror::Error)]
#[error("a principal is written `user:NAME`, `agent:NAME` or `service:NAME`")]
pub struct ParsePrincipalError;

impl FromStr for Principal {
    type Err = ParsePrincipalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').ok_or(ParsePrincipalError)?;
        let kind = match kind {
            "user" => PrincipalKind::User,
            "agent" => PrincipalKind::Agent,
            "service" => PrincipalKind::Service,
            _ => return Err(ParsePrincipalError),
        };
        if name.is_empty() { Err(ParsePrincipalError) } else { Ok(Self { kind, name: name.to_owned() }) }
    }
}

/// What an effect acts on, as a path that policy patterns match: `github.com/acme/api`, `pve01/ct/1250`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Target(String);

impl Target {
    /// A target from its path; leading and doubled slashes mean nothing and go.
    pub fn new(path: &str) -> Self {
        Self(path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
