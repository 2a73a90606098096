use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use super::refs::object_id;
use super::{Git, GitError};

/// For commands whose time grows with the size of the repository's files.
pub(super) const LONG: Duration = Duration::from_secs(600);

/// Whose a fresh git folder is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    /// Ours, without files of its own; HEAD is the branch.
    Control(&'a str),
    /// An agent's, that may commit; HEAD is the branch.
    Agent(&'a str),
    /// A CI command's; HEAD is the commit.
    Ci,
}

/// Checks `sha` out into `folder`, which is empty or not there, like a fresh clone: HEAD detached, a `.git` of its
/// own without a remote, and objects shared with `git_dir`, which has to outlive it.
pub async fn checkout_fresh(git: &Git, git_dir: &Path, sha: &str, folder: &Path) -> Result<(), GitError> {
    let (sha, own) = (object_id(sha)?, folder.join(".git"));
    fresh_git_dir(git_dir, sha, Owner::Ci, &own)?;
    fill(git, &own, folder, sha).await
}

/// Makes a git folder that knows one commit and shares the objects of `source`.
///
/// It is written by hand, as gitrepository-layout(5) has it: no template, no hook, no setting but those here.
pub(super) fn fresh_git_dir(source: &Path, sha: &str, owner: Owner<'_>, git_dir: &Path) -> Result<(), GitError> {
    let (refs, head) = match owner {
        Owner::Control(branch) | Owner::Agent(branch) => {
            (format!("{sha} refs/heads/{branch}\n"), format!("ref: refs/heads/{branch}\n"))
        }
        Owner::Ci => (String::new(), format!("{sha}\n")),
    };
    let write = || -> io::Result<()> {
        for folder in ["objects/info", "objects/pack", "refs/heads", "refs/tags"] {
            fs::create_dir_all(git_dir.join(folder))?;
        }
        share_objects(source, git_dir)?;
        fs::write(git_dir.join("packed-refs"), refs)?;
        fs::write(git_dir.join("config"), settings(owner, sha))?;
        // Last: without it no git takes the folder for a repository.
        fs::write(git_dir.join("HEAD"), head)
    };
    write().map_err(|error| GitError::io(format!("create `{}`", git_dir.display()), error))
}

/// Writes the files of `sha` into `tree` and the index.
pub(super) async fn fill(git: &Git, git_dir: &Path, tree: &Path, sha: &str) -> Result<(), GitError> {
    git.work(git_dir).work_tree(tree).args(["read-tree", "--reset", "-u", sha]).timeout(LONG).run().await?;
    Ok(())
}

/// Lets `git_dir` read the objects of `source`.
pub(super) fn share_objects(source: &Path, git_dir: &Path) -> io::Result<()> {
    let objects = source.canonicalize()?.join("objects");
    let path = objects.as_os_str().as_bytes();
    if path.contains(&b'\n') || path.starts_with(b"\"") || path.starts_with(b"#") {
        return Err(io::Error::new(io::ErrorKind::InvalidFilename, "git cannot share objects at this path"));
    }
    let info = git_dir.join("objects/info");
    let aside = info.join("alternates.new");
    fs::write(&aside, [path, b"\n"].concat())?;
    fs::rename(aside, info.join("alternates"))
}

/// The whole configuration.
fn settings(owner: Owner<'_>, sha: &str) -> String {
    let (version, extensions) = match sha.len() {
        64 => (1, "[extensions]\n\tobjectFormat = sha256\n"),
        _ => (0, ""),
    };
    let (bare, user) = match owner {
        Owner::Control(_) => (true, ""),
        // What it commits is never pushed, but it may want to.
        Owner::Agent(_) => (false, "[user]\n\tname = Opsmith agent\n\temail = agent@localhost\n"),
        Owner::Ci => (false, ""),
    };
    format!(
        "[core]\n\trepositoryFormatVersion = {version}\n\tfileMode = true\n\tbare = {bare}\n\
         {extensions}[gc]\n\tauto = 0\n{user}"
    )
}
