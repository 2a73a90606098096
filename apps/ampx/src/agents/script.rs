//! The script agent: edits recorded in a file, one list for each attempt. For demonstrations and tests.
//!
//! ```toml
//! [[attempt]]
//! say = "I put the sign right."
//! [[attempt.edit]]
//! path = "sum.sh"
//! content = "echo $(($1 + $2))\n"
//! ```

use std::fs;
use std::path::{Component, Path, PathBuf};

use opsmith_sandbox::{OutputChunk, Stream};
use serde::Deserialize;

use super::{AgentError, AgentReport, Job};
use crate::config::AgentSettings;

/// An agent that plays back recorded edits; past the last recorded attempt it does nothing.
#[derive(Clone, Debug)]
pub struct ScriptAgent {
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(default)]
    attempt: Vec<Recorded>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    #[serde(default)]
    say: String,
    #[serde(default)]
    edit: Vec<Edit>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    path: PathBuf,
    content: Option<String>,
    #[serde(default)]
    delete: bool,
}

impl ScriptAgent {
    pub(super) fn new(name: &str, settings: &AgentSettings) -> Result<Self, AgentError> {
        let file = settings.script.clone();
        let file = file.ok_or_else(|| AgentError::Incomplete { agent: name.to_owned(), key: "script" })?;
        Ok(Self { file })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn check(&self) -> Result<(), AgentError> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<Script, AgentError> {
        let text =
            fs::read_to_string(&self.file).map_err(|source| AgentError::Script { path: self.file.clone(), source })?;
        toml::from_str(&text)
            .map_err(|error| AgentError::ScriptForm { path: self.file.clone(), reason: error.message().to_owned() })
    }

    pub(super) async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        let mut script = self.read()?;
        let index = usize::try_from(job.attempt).unwrap_or(usize::MAX).saturating_sub(1);
        let nothing = Recorded { say: "I have nothing left to try.".to_owned(), edit: Vec::new() };
        let recorded = if index < script.attempt.len() { script.attempt.swap_remove(index) } else { nothing };
        let say = OutputChunk { stream: Stream::Stdout, bytes: format!("{}\n", recorded.say).into_bytes() };
        // A log that nobody reads any more is not the agent's concern.
        let _ = job.log.send(say).await;
        for edit in &recorded.edit {
            apply(job.tree, edit)?;
        }
        let ended = format!("made {} edits", recorded.edit.len());
        Ok(AgentReport { ended, ..AgentReport::default() })
    }
}

fn apply(tree: &Path, edit: &Edit) -> Result<(), AgentError> {
    let path = inside(tree, &edit.path)?;
    let failed = |source| AgentError::Write { path: edit.path.clone(), source };
    if edit.delete {
        return fs::remove_file(&path).map_err(failed);
    }
    fs::write(&path, edit.content.as_deref().unwrap_or_default()).map_err(failed)
}

/// The path in the tree, its folders made; refuses `..`, absolute paths and symlinks on the way.
pub(super) fn inside(tree: &Path, path: &Path) -> Result<PathBuf, AgentError> {
    let outside = || AgentError::Outside(path.to_owned());
    let mut full = tree.to_owned();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else { return Err(outside()) };
        full.push(name);
        match fs::symlink_metadata(&full) {
            Ok(found) if found.is_symlink() => return Err(outside()),
            Ok(_) => {}
            Err(_) if parts.peek().is_some() => {
                fs::create_dir(&full).map_err(|source| AgentError::Write { path: path.to_owned(), source })?;
            }
            Err(_) => {}
        }
    }
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_stays_in_the_tree() {
        let tree = std::env::temp_dir().join(format!("opsmith-script-{}", std::process::id()));
        fs::create_dir_all(&tree).unwrap();
        std::os::unix::fs::symlink("/tmp", tree.join("link")).unwrap();
        let edit = |path: &str| Edit { path: path.into(), content: Some("x".into()), delete: false };
        for bad in ["/etc/x", "../x", "a/../../x", "link/x", "link", ""] {
            assert!(apply(&tree, &edit(bad)).is_err(), "{bad}");
        }
        apply(&tree, &edit("new/folder/file")).unwrap();
        assert_eq!(fs::read_to_string(tree.join("new/folder/file")).unwrap(), "x");
        fs::remove_dir_all(tree).unwrap();
    }
}
