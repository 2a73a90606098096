use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AgentError;
use crate::task::Usage;

/// What is kept beside an agent's home of the session in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Session {
    /// The program's id for it.
    pub(super) id: String,
    /// What it had used in all, where the program keeps that count.
    pub(super) total: Option<Usage>,
}

impl Session {
    /// The session `id`, if it is in this folder: a task that comes from another machine has left it there.
    pub(super) fn find(state: &Path, id: &str) -> Option<Self> {
        let text = fs::read_to_string(file(state)).ok()?;
        serde_json::from_str(&text).ok().filter(|session: &Self| session.id == id)
    }

    /// Keeps it for the next go.
    pub(super) fn keep(&self, state: &Path) -> Result<(), AgentError> {
        let path = file(state);
        let new = path.with_extension("new");
        let written = serde_json::to_string(self)
            .map_err(io::Error::from)
            .and_then(|text| fs::write(&new, text))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(|source| AgentError::Write { path, source })
    }
}

fn file(state: &Path) -> PathBuf {
    state.join("session.json")
}
