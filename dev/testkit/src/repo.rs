//! Small real repositories: a bare remote in a folder of its own, with commits made by the git program.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A bare repository that plays the remote; gone when dropped.
///
/// Every commit has the same author and time, so the same commits have the same ids. A method panics where git
/// fails: a test that cannot set its stage has failed.
#[derive(Debug)]
pub struct TestRepo {
    folder: TempDir,
    git_dir: PathBuf,
}

impl Default for TestRepo {
    fn default() -> Self {
        Self::new()
    }
}

impl TestRepo {
    /// An empty remote whose HEAD names the branch `main`.
    pub fn new() -> Self {
        Self::with_init(&[])
    }

    /// An empty remote, made with more arguments of `git init`.
    pub fn with_init(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let git_dir = folder.path().join("remote.git");
        let repo = Self { folder, git_dir };
        let line: Vec<&str> = ["init", "--quiet", "--bare", "--initial-branch=main", "--template="]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        repo.git(&line);
        repo
    }

    /// The bare repository; also its address.
    pub fn path(&self) -> &Path {
        &self.git_dir
    }

    /// Its address: the absolute path.
    pub fn url(&self) -> String {
        self.git_dir.display().to_string()
    }

    /// Commits `files` (path, whole content) on top of `branch`, which is made from nothing if there is none.
    ///
    /// A content that begins with `#!` is executable.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)], message: &str) -> String {
        let parent = self.branch_sha(branch);
        self.commit_on(parent.as_deref(), branch, files, &[], message)
    }

    /// Makes or moves `branch` to a new commit on top of the commit `parent`: also a force push by someone else.
    pub fn commit_from(&self, parent: &str, branch: &str, files: &[(&str, &str)], message: &str) -> String {
        self.commit_on(Some(parent), branch, files, &[], message)
    }

    /// Commits the removal of `paths` on `branch`.
    pub fn remove(&self, branch: &str, paths: &[&str], message: &str) -> String {
        let parent = self.branch_sha(branch);
        self.commit_on(parent.as_deref(), branch, &[], paths, message)
    }

    fn commit_on(
        &self,
        parent: Option<&str>,
        branch: &str,
        files: &[(&str, &str)],
        removed: &[&str],
        message: &str,
    ) -> String {
        let index = self.folder.path().join("index");
        let _ = std::fs::remove_file(&index);
        if let Some(parent) = parent {
            self.git(&["read-tree", parent]);
        }
        for (path, content) in files {
            let blob = self.git_with(&["hash-object", "-w", "--stdin"], content.as_bytes());
            let mode = if content.starts_with("#!") { "100755" } else { "100644" };
            self.git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{blob},{path}")]);
        }
        for path in removed {
            self.git(&["rm", "--quiet", "--cached", "--", path]);
        }
        let tree = self.git(&["write-tree"]);
        let mut line = vec!["commit-tree", &tree, "-m", message];
        line.extend(parent.iter().flat_map(|parent| ["-p", *parent]));
        let sha = self.git(&line);
        self.set_branch(branch, &sha);
        sha
    }

    /// Makes or moves a branch.
    pub fn set_branch(&self, branch: &str, sha: &str) {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), sha]);
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, branch: &str) {
        self.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }

    /// Where a branch is.
    pub fn branch_sha(&self, branch: &str) -> Option<String> {
        let list = self.git(&["for-each-ref", "--format=%(objectname)", &format!("refs/heads/{branch}")]);
        list.lines().next().map(str::to_owned)
    }

    /// The names of all branches, in byte order.
    pub fn branches(&self) -> Vec<String> {
        self.lines(&["for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads"])
    }

    /// The subjects of a branch's commits, the newest first.
    pub fn log(&self, branch: &str) -> Vec<String> {
        self.lines(&["log", "--format=%s", branch, "--"])
    }

    /// The paths of all files at `revision`.
    pub fn files(&self, revision: &str) -> Vec<String> {
        self.lines(&["ls-tree", "-r", "--name-only", revision])
    }

    /// The content of one file at `revision`, without white space at its ends.
    pub fn read(&self, revision: &str, path: &str) -> String {
        self.git(&["cat-file", "blob", &format!("{revision}:{path}")])
    }

    /// Lets HEAD name a branch, there or not.
    pub fn set_head(&self, branch: &str) {
        self.git(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")]);
    }

    /// Lets HEAD name a commit and no branch.
    pub fn detach_head(&self, sha: &str) {
        self.git(&["update-ref", "--no-deref", "HEAD", sha]);
    }

    /// Any git command in the bare repository; its output without white space at its ends.
    pub fn git(&self, args: &[&str]) -> String {
        self.git_with(args, b"")
    }

    fn lines(&self, args: &[&str]) -> Vec<String> {
        self.git(args).lines().map(str::to_owned).collect()
    }

    fn git_with(&self, args: &[&str], stdin: &[u8]) -> String {
        let mut child = Command::new("git")
            .arg("--git-dir")
            .arg(&self.git_dir)
            .args(["-c", "gc.auto=0"])
            .args(args)
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_INDEX_FILE", self.folder.path().join("index"))
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com")])
            .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")])
            .envs([("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"), ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git is installed");
        let mut input = child.stdin.take().expect("a pipe");
        input.write_all(stdin).expect("git reads its input");
        drop(input);
        let output = child.wait_with_output().expect("git ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?} in {}: {stderr}", self.git_dir.display());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
