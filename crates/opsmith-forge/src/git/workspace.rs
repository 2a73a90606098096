use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::checkout::{Owner, fill, fresh_git_dir, share_objects};
use super::erase::{erase, open_up};
use super::refs::{branch_ref, object_id};
use super::{CachedRepo, Git, GitError};

/// Ends the name of a workspace that is being removed.
const GONE: &str = ".gone";

/// The folder of one task: `tree`, a clone that belongs to the agent, and `control.git`, which is ours alone.
///
/// After an agent ran, git is run here with `control.git` only and never with the `.git` in `tree`. So nothing an
/// agent writes there (configuration, hooks, filters, its own commits) acts on us: what counts is the files.
/// Objects are shared: `tree` reads those of `control.git`, which reads those of the cache.
/// Room that the database and git need to record what happened.
const LEAST_FREE_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct Workspace {
    pub(super) git: Git,
    folder: PathBuf,
    tree: PathBuf,
    control: PathBuf,
}

impl Workspace {
    /// The workspace of a task below `root`; nothing is made yet.
    ///
    /// A task id is letters, digits, `-` and `_`; anything else in it becomes `_` in the folder's name.
    pub fn at(root: &Path, task_id: &str, git: Git) -> Self {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut name: String = task_id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
        if name.is_empty() {
            name.push('_');
        }
        let folder = root.join(name);
        Self { git, tree: folder.join("tree"), control: folder.join("control.git"), folder }
    }

    /// The ids of the workspaces below `root`, half removed ones included.
    pub fn strays(root: &Path) -> Result<Vec<String>, GitError> {
        let list = || -> io::Result<Vec<String>> {
            let mut ids = Vec::new();
            for entry in fs::read_dir(root)? {
                let entry = entry?;
                if let (true, Ok(name)) = (entry.file_type()?.is_dir(), entry.file_name().into_string()) {
                    ids.push(name.strip_suffix(GONE).unwrap_or(&name).to_owned());
                }
            }
            ids.sort();
            ids.dedup();
            Ok(ids)
        };
        match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|error| GitError::io(format!("list `{}`", root.display()), error)),
        }
    }

    /// The files the agent works on, with its own `.git`.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// The git folder that only we use; it has the branch at the last commit of [`Workspace::commit`].
    pub fn control(&self) -> &Path {
        &self.control
    }

    /// Makes what is missing: the branch at `sha`, and its files in `tree`.
    ///
    /// What is whole already stays as it is, the agent's work included; so after a kill at any point, this mends.
    pub async fn prepare(&self, cache: &CachedRepo, branch: &str, sha: &str) -> Result<(), GitError> {
        check_names(branch, sha)?;
        self.make_folder()?;
        for leftover in ["control.new", "tree.new", "tree.old", "git.new"] {
            erase(self.folder.join(leftover)).await?;
        }
        if self.control.join("HEAD").is_file() {
            // The cache may have moved with the data folder.
            share_objects(cache.git_dir(), &self.control)
                .map_err(|error| GitError::io(format!("write `{}`", self.control.display()), error))?;
        } else {
            erase(self.control.clone()).await?;
            let aside = self.folder.join("control.new");
            fresh_git_dir(cache.git_dir(), sha, Owner::Control(branch), &aside)?;
            rename(&aside, &self.control)?;
        }
        match (is_folder(&self.tree), is_folder(&self.tree.join(".git"))) {
            (true, true) => Ok(()),
            (true, false) => self.refresh_git_dir(branch, sha).await,
            (false, _) => self.reset_to(branch, sha).await,
        }
    }

    /// Makes `tree` anew, exactly at `sha` and on `branch`, for an attempt that starts again.
    pub async fn reset_to(&self, branch: &str, sha: &str) -> Result<(), GitError> {
        check_names(branch, sha)?;
        self.make_folder()?;
        let (fresh, old) = (self.folder.join("tree.new"), self.folder.join("tree.old"));
        erase(fresh.clone()).await?;
        erase(old.clone()).await?;
        let git_dir = fresh.join(".git");
        fresh_git_dir(&self.control, sha, Owner::Agent(branch), &git_dir)?;
        fill(&self.git, &git_dir, &fresh, sha).await?;
        if fs::symlink_metadata(&self.tree).is_ok() {
            rename(&self.tree, &old)?;
        }
        rename(&fresh, &self.tree)?;
        erase(old).await
    }

    /// Makes the `.git` of `tree` anew at `sha`, between attempts: files stay, and build caches with them.
    pub async fn refresh_git_dir(&self, branch: &str, sha: &str) -> Result<(), GitError> {
        check_names(branch, sha)?;
        self.make_folder()?;
        self.open_tree()?;
        let fresh = self.folder.join("git.new");
        erase(fresh.clone()).await?;
        fresh_git_dir(&self.control, sha, Owner::Agent(branch), &fresh)?;
        self.git.work(&fresh).args(["read-tree", sha]).run().await?;
        let git_dir = self.tree.join(".git");
        erase(git_dir.clone()).await?;
        rename(&fresh, &git_dir)
    }

    /// Whether the disk under the work folder has so little room left that nothing more can be written safely.
    pub fn is_out_of_space(&self) -> Result<bool, GitError> {
        let disk = nix::sys::statvfs::statvfs(&self.folder)
            .map_err(|errno| GitError::io(format!("look at the disk of `{}`", self.folder.display()), errno.into()))?;
        Ok(disk.blocks_available() * disk.fragment_size() < LEAST_FREE_BYTES)
    }

    /// Removes everything, whatever the agent did to its folders' modes. No process may still write there.
    pub async fn remove(&self) -> Result<(), GitError> {
        let mut gone = self.folder.clone().into_os_string();
        gone.push(GONE);
        let gone = PathBuf::from(gone);
        erase(gone.clone()).await?;
        if fs::symlink_metadata(&self.folder).is_ok() {
            // In one move, so that a kill half way leaves nothing that looks whole.
            rename(&self.folder, &gone)?;
        }
        erase(gone).await
    }

    /// Lets us into `tree`; refuses one that the agent replaced by a link to somewhere else.
    pub(super) fn open_tree(&self) -> Result<(), GitError> {
        let opened = match fs::symlink_metadata(&self.tree) {
            Ok(meta) if !meta.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
            Ok(_) => open_up(&self.tree),
            Err(error) => Err(error),
        };
        opened.map_err(|error| GitError::io(format!("open `{}`", self.tree.display()), error))
    }

    /// Our own folder, closed to other users.
    fn make_folder(&self) -> Result<(), GitError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.and_then(|()| open_up(&self.folder))
            .map_err(|error| GitError::io(format!("create `{}`", self.folder.display()), error))
    }
}

/// Names that are written into git's files as they are.
fn check_names(branch: &str, sha: &str) -> Result<(), GitError> {
    branch_ref(branch)?;
    object_id(sha)?;
    Ok(())
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

pub(super) fn rename(from: &Path, to: &Path) -> Result<(), GitError> {
    fs::rename(from, to).map_err(|error| GitError::io(format!("create `{}`", to.display()), error))
}
