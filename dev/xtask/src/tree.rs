use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::layers::{Crate, Edge};

/// A text file of the checkout.
#[derive(Clone, Debug)]
pub struct File {
    /// The path from the root, with `/` between its parts.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// What cargo knows of the checkout.
#[derive(Debug)]
pub struct Workspace {
    /// The folder of the root manifest.
    pub root: PathBuf,
    /// The members and the edges between them.
    pub crates: Vec<Crate>,
}

/// Asks cargo for the members of the workspace in the current folder.
pub fn workspace() -> Result<Workspace> {
    let metadata = MetadataCommand::new().no_deps().exec().context("failed to read the workspace from cargo")?;
    let root = metadata.workspace_root.clone().into_std_path_buf();
    let crates = metadata
        .packages
        .iter()
        .map(|package| Crate {
            name: package.name.to_string(),
            manifest: package
                .manifest_path
                .strip_prefix(&metadata.workspace_root)
                .unwrap_or(&package.manifest_path)
                .to_string(),
            edges: package
                .dependencies
                .iter()
                .filter(|dependency| dependency.path.is_some())
                .map(|dependency| Edge {
                    to: dependency.name.clone(),
                    for_tests: dependency.kind == DependencyKind::Development,
                })
                .collect(),
        })
        .collect();
    Ok(Workspace { root, crates })
}

/// Reads every text file that git tracks or would track; what is ignored, deleted, binary or a link is left out.
pub fn read(root: &Path) -> Result<Vec<File>> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("failed to run `git ls-files`")?;
    ensure!(listed.status.success(), "failed to list files: {}", String::from_utf8_lossy(&listed.stderr).trim());
    let paths: BTreeSet<String> = listed
        .stdout
        .split(|byte| *byte == 0)
        .filter_map(|path| std::str::from_utf8(path).ok())
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let whole = root.join(&path);
        if !whole.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = std::fs::read(&whole).with_context(|| format!("failed to read `{path}`"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path, text });
        }
    }
    Ok(files)
}
