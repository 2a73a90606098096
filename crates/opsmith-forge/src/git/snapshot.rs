use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::checkout::LONG;
use super::commit::{CommitText, commit_bytes, read_commit, write_raw};
use super::erase::erase;
use super::refs::{branch_ref, object_id};
use super::signing::{attach, detach};
use super::workspace::rename;
use super::{GitCommand, GitError, Identity, Signer, Workspace};

/// The mode of a submodule's entry.
const SUBMODULE: &[u8] = b"160000";

const MIB: u64 = 1024 * 1024;

/// Lists of more than this are refused: some hundred thousand names.
const MAX_NAMES_BYTES: usize = 64 * 1024 * 1024;

/// What a snapshot takes.
#[derive(Clone, Debug)]
pub struct SnapshotOptions {
    /// Patterns, as in `.gitignore`, of untracked files that are left out: what agents drop, such as `.aider*`.
    pub exclude: Vec<String>,
    /// The largest changed file.
    pub max_file_mib: u64,
    /// The most of all changed files together.
    pub max_total_mib: u64,
}

/// The files of a workspace as a git tree, and what they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The tree in the control repository.
    pub tree_sha: String,
    /// Every changed path, in byte order; empty when nothing changed.
    pub changes: Vec<Change>,
}

/// One changed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The path in the repository, in whatever encoding.
    pub path: Vec<u8>,
    /// What happened to it.
    pub status: ChangeStatus,
}

/// What happened to a path; a rename is a deletion and an addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStatus {
    /// It is new.
    Added,
    /// Its content or mode is another.
    Modified,
    /// It is gone.
    Deleted,
    /// A file became a symlink, or the like.
    TypeChanged,
}

/// A commit to be made of a snapshot.
#[derive(Clone, Debug)]
pub struct CommitRequest<'a> {
    /// The one parent.
    pub parent: &'a str,
    /// The snapshot's tree.
    pub tree_sha: &'a str,
    /// The whole message.
    pub message: &'a str,
    /// The author.
    pub author: &'a Identity,
    /// The committer.
    pub committer: &'a Identity,
    /// What signs it, where it is to be signed.
    pub signer: Option<&'a Signer>,
    /// When; whole seconds count.
    pub date: DateTime<Utc>,
    /// The branch that is set to the commit, in the control repository.
    pub branch: &'a str,
}

impl Workspace {
    /// Takes the files as they are, ignored ones left out. Only low commands of git are used, none of which looks
    /// into submodules, whose configuration is the agent's.
    ///
    /// Fails when the agent made repositories inside the tree, or files over the limits; those are not read.
    pub async fn snapshot(&self, base_sha: &str, options: &SnapshotOptions) -> Result<Snapshot, GitError> {
        let base = object_id(base_sha)?;
        self.open_tree()?;
        self.fresh_index(options).await?;
        self.on_tree(["read-tree", base]).run().await?;
        self.on_tree(["update-index", "-q", "--refresh"]).run().await?;
        let tracked = names(self.on_tree(["diff-files", "-z", "--raw", "--ignore-submodules=dirty"])).await?;
        let untracked = names(self.on_tree(["ls-files", "-z", "--others", "--exclude-standard"])).await?;
        let work = Work::sort(&tracked, &untracked)?.measured(self.tree(), options)?;
        self.update_index(&["--force-remove"], &work.deleted).await?;
        self.update_index(&["--add", "--replace"], &work.changed).await?;
        self.update_index(&["--add"], &work.submodules).await?;
        let tree_sha = self.on_tree(["write-tree"]).text().await?;
        let changed = names(self.on_tree(["diff-tree", "-r", "-z", "--raw", base, &tree_sha])).await?;
        Ok(Snapshot { tree_sha, changes: changes(&changed) })
    }

    /// Makes a commit of a snapshot and sets the branch to it.
    ///
    /// The same request gives the same commit. No signature comes out the same twice, so a signed one is looked for at
    /// the branch first: a kill after it was made leaves it there.
    pub async fn commit(&self, request: CommitRequest<'_>) -> Result<String, GitError> {
        let (parent, tree) = (object_id(request.parent)?, object_id(request.tree_sha)?);
        let reference = branch_ref(request.branch)?;
        let text = CommitText::new(request.author, request.date, request.message);
        let mut raw = commit_bytes(tree, &[parent], &text, request.committer, request.date);
        if let Some(signer) = request.signer {
            if let Some(sha) = self.signed_before(&reference, &raw, signer).await? {
                return Ok(sha);
            }
            raw = attach(&raw, &signer.sign(&raw).await?, parent);
        }
        let sha = write_raw(self.git.work(self.control()), raw).await?;
        self.set_reference(&reference, &sha)?;
        Ok(sha)
    }

    /// The commit of the reference, if it is these bytes with a signature of the signer's.
    async fn signed_before(&self, reference: &str, raw: &[u8], signer: &Signer) -> Result<Option<String>, GitError> {
        let ended = self.git.work(self.control()).args(["rev-parse", "--verify", "--quiet", reference]).end().await?;
        if ended.code != Some(0) {
            return Ok(None);
        }
        let sha = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        let there = read_commit(self.git.work(self.control()), object_id(&sha)?).await?;
        match detach(&there) {
            Some((payload, signature)) if payload == raw && signer.has_signed(raw, &signature).await? => Ok(Some(sha)),
            Some(_) | None => Ok(None),
        }
    }

    /// Writes the reference aside and moves it into place: a kill leaves no lock behind, as git itself would.
    fn set_reference(&self, reference: &str, sha: &str) -> Result<(), GitError> {
        let (file, aside) = (self.control().join(reference), self.control().join("reference.new"));
        file.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&aside, format!("{sha}\n")))
            .map_err(|error| GitError::io(format!("write `{}`", aside.display()), error))?;
        rename(&aside, &file)
    }

    fn on_tree<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> GitCommand {
        self.git.work(self.control()).work_tree(self.tree()).args(args).timeout(LONG)
    }

    /// An index that knows nothing yet, and the patterns of what is not taken.
    async fn fresh_index(&self, options: &SnapshotOptions) -> Result<(), GitError> {
        for leftover in ["index", "index.lock"] {
            erase(self.control().join(leftover)).await?;
        }
        let info = self.control().join("info");
        let patterns: String = options.exclude.iter().map(|pattern| format!("{pattern}\n")).collect();
        fs::create_dir_all(&info)
            .and_then(|()| fs::write(info.join("exclude"), patterns))
            .map_err(|error| GitError::io(format!("write `{}`", info.display()), error))
    }

    async fn update_index(&self, how: &[&str], paths: &[&[u8]]) -> Result<(), GitError> {
        if paths.is_empty() {
            return Ok(());
        }
        let mut list = paths.join(&0);
        list.push(0);
        let command = self.on_tree(["update-index", "-z"]).args(how).arg("--stdin");
        command.stdin(list).run().await?;
        Ok(())
    }
}

/// Where the files differ from the index.
struct Work<'a> {
    changed: Vec<&'a [u8]>,
    deleted: Vec<&'a [u8]>,
    /// Submodules of the base that are at another commit now.
    submodules: Vec<&'a [u8]>,
}

impl<'a> Work<'a> {
    /// Refuses repositories that are not submodules of the base.
    fn sort(tracked: &'a [u8], untracked: &'a [u8]) -> Result<Self, GitError> {
        let mut work = Self { changed: Vec::new(), deleted: Vec::new(), submodules: Vec::new() };
        let mut nested = Vec::new();
        for entry in raw_entries(tracked) {
            match (entry.status(), entry.old_mode == SUBMODULE, entry.new_mode == SUBMODULE) {
                (ChangeStatus::Deleted, _, _) => work.deleted.push(entry.path),
                (_, true, true) => work.submodules.push(entry.path),
                (_, false, true) => nested.push(entry.path),
                (_, _, false) => work.changed.push(entry.path),
            }
        }
        for path in untracked.split(|byte| *byte == 0).filter(|path| !path.is_empty()) {
            // Git shows a folder, with a slash, only where another repository begins.
            match path.strip_suffix(b"/") {
                Some(folder) => nested.push(folder),
                None => work.changed.push(path),
            }
        }
        if nested.is_empty() {
            return Ok(work);
        }
        Err(GitError::NestedRepository {
            paths: nested.into_iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect(),
        })
    }

    /// Keeps as changed what is a file or a symlink now; a pipe, a socket or a folder in its place deletes it.
    fn measured(mut self, tree: &Path, options: &SnapshotOptions) -> Result<Self, GitError> {
        let mut total = 0u64;
        for path in std::mem::take(&mut self.changed) {
            let name = String::from_utf8_lossy(path);
            let meta = match fs::symlink_metadata(tree.join(OsStr::from_bytes(path))) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
                meta => Some(meta.map_err(|error| GitError::io(format!("look at `{name}`"), error))?),
            };
            let Some(meta) = meta.filter(|meta| meta.is_file() || meta.is_symlink()) else {
                self.deleted.push(path);
                continue;
            };
            total = total.saturating_add(meta.len());
            for (size, limit, what) in [
                (meta.len(), options.max_file_mib, format!("the file `{name}` (in MiB)")),
                (total, options.max_total_mib, "the whole change (in MiB)".to_owned()),
            ] {
                if size > limit.saturating_mul(MIB) {
                    return Err(GitError::TooLarge { what, limit });
                }
            }
            self.changed.push(path);
        }
        Ok(self)
    }
}

/// What `--raw -z` tells of, in byte order.
pub(super) fn changes(raw: &[u8]) -> Vec<Change> {
    let mut changes: Vec<Change> =
        raw_entries(raw).map(|entry| Change { path: entry.path.to_vec(), status: entry.status() }).collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// One record of `--raw -z`: `:OLD_MODE NEW_MODE OLD_SHA NEW_SHA STATUS NUL PATH NUL`.
struct RawEntry<'a> {
    old_mode: &'a [u8],
    new_mode: &'a [u8],
    letter: u8,
    path: &'a [u8],
}

impl RawEntry<'_> {
    fn status(&self) -> ChangeStatus {
        match self.letter {
            b'A' => ChangeStatus::Added,
            b'D' => ChangeStatus::Deleted,
            b'T' => ChangeStatus::TypeChanged,
            _ => ChangeStatus::Modified,
        }
    }
}

fn raw_entries(raw: &[u8]) -> impl Iterator<Item = RawEntry<'_>> {
    let mut fields = raw.split(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let mut words = fields.next()?.strip_prefix(b":")?.split(|byte| *byte == b' ');
        let (old_mode, new_mode) = (words.next()?, words.next()?);
        let letter = *words.nth(2)?.first()?;
        Some(RawEntry { old_mode, new_mode, letter, path: fields.next()? })
    })
}

/// The output of a command that lists names, whole.
async fn names(command: GitCommand) -> Result<Vec<u8>, GitError> {
    let output = command.max_output(MAX_NAMES_BYTES).run().await?;
    if output.truncated {
        return Err(GitError::TooLarge { what: "the list of changed files".to_owned(), limit: MAX_NAMES_BYTES as u64 });
    }
    Ok(output.stdout)
}
