use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::Uid;
use tokio::process::Command;

use super::{Bubblewrap, apart, view};
use crate::find::in_path;
use crate::{Backend, SandboxError, Setup};

/// Making namespaces takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The folders of [`view::system`] in which settings are kept, and so secrets at times.
const SETTINGS: &[&str] = &["/etc", "/opt", "/usr/local/etc"];

/// How deep they are looked through.
const DEPTH: usize = 6;

impl Bubblewrap {
    /// Finds `bwrap` and has it make all the namespaces once: some hosts have it and forbid them.
    pub async fn probe(setup: &Setup, env: &BTreeMap<OsString, OsString>) -> Result<Self, SandboxError> {
        let missing =
            |reason: &str| SandboxError::BackendMissing { backend: Backend::Bubblewrap, reason: reason.to_owned() };
        let program = in_path("bwrap".as_ref(), env).ok_or_else(|| missing("`bwrap` is not in PATH"))?;
        let mut trial = Command::new(&program);
        trial.args(apart()).arg("--unshare-net");
        for mount in view::system() {
            trial.args(mount.into_arguments());
        }
        trial.args(["--", "true"]).env_clear().envs(env).kill_on_drop(true);
        trial.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let ended = match tokio::time::timeout(PATIENCE, trial.output()).await {
            Ok(ended) => ended,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        match ended {
            Ok(output) if output.status.success() => {
                let mut hidden = setup.hidden.clone();
                if Uid::effective().is_root() {
                    hidden.extend(SETTINGS.iter().flat_map(|folder| private_in(Path::new(folder), DEPTH)));
                }
                Ok(Self { program, hidden })
            }
            Ok(output) => {
                let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(200).collect();
                Err(missing(&format!("`bwrap` cannot make namespaces here: {said}")))
            }
            Err(error) => Err(missing(&format!("`bwrap` does not run: {error}"))),
        }
    }
}

/// What not everybody may read, which root still could: such as `/etc/shadow`.
fn private_in(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut private = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        if about.is_symlink() {
            continue;
        }
        let for_all = if about.is_dir() { 0o005 } else { 0o004 };
        if about.mode() & for_all != for_all {
            private.push(entry.path());
        } else if about.is_dir() && depth > 0 {
            private.extend(private_in(&entry.path(), depth - 1));
        }
    }
    private
}
