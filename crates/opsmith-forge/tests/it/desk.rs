use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, Utc};
use opsmith_forge::git::{
    CachedRepo, CommitRequest, Git, GitError, Identity, RepoCache, Signer, Snapshot, SnapshotOptions, Workspace,
};
use tempfile::TempDir;

pub const BRANCH: &str = "amp/fix-it-01abcdef";

/// A repository, its cache and one prepared workspace.
pub struct Desk {
    pub folder: TempDir,
    pub git: Git,
    pub cached: CachedRepo,
    pub base: String,
    pub workspace: Workspace,
}

impl Desk {
    /// A repository of a few files.
    pub async fn new() -> Self {
        Self::with("true").await
    }

    /// The same after a script has changed it.
    pub async fn with(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let origin = folder.path().join("origin");
        std::fs::create_dir(&origin).unwrap();
        sh(
            &origin,
            "git init -q -b main . && mkdir src && echo 'fn main() {}' > src/main.rs && echo hello > README.md",
        );
        sh(&origin, "echo target/ > .gitignore && ln -s README.md link");
        sh(&origin, script);
        sh(&origin, "git add -A && git commit -q -m base");
        let git = Git::new(std::env::vars_os()).unwrap();
        let (cached, base) = cache(&git, &folder.path().join("cache"), &origin).await;
        let workspace = Workspace::at(&folder.path().join("tasks"), "01TASK", git.clone());
        workspace.prepare(&cached, BRANCH, &base).await.unwrap();
        Self { folder, git, cached, base, workspace }
    }

    /// What the agent does in its tree; the standard output.
    pub fn agent(&self, script: &str) -> String {
        sh(self.workspace.tree(), script)
    }

    pub async fn snapshot(&self) -> Result<Snapshot, GitError> {
        self.workspace.snapshot(&self.base, &options()).await
    }

    /// The snapshot's changes as `A path`, in order.
    pub async fn changes(&self) -> Vec<String> {
        let snapshot = self.snapshot().await.unwrap();
        let letter = |status| format!("{status:?}").remove(0);
        let line = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        snapshot.changes.iter().map(|change| format!("{} {}", letter(change.status), line(&change.path))).collect()
    }

    /// Takes a snapshot and commits it.
    pub async fn commit(&self, message: &str) -> String {
        let tree_sha = self.snapshot().await.unwrap().tree_sha;
        self.commit_tree(&tree_sha, message, noon()).await
    }

    pub async fn commit_tree(&self, tree_sha: &str, message: &str, date: DateTime<Utc>) -> String {
        self.commit_signed(tree_sha, message, date, None).await.unwrap()
    }

    /// The same with a signature, where there is a signer.
    pub async fn commit_signed(
        &self,
        tree_sha: &str,
        message: &str,
        date: DateTime<Utc>,
        signer: Option<&Signer>,
    ) -> Result<String, GitError> {
        let author = Identity { name: "Ada Lovelace".into(), email: "ada@example.com".into() };
        let committer = Identity { name: "Opsmith".into(), email: "opsmith@example.com".into() };
        let request = CommitRequest {
            parent: &self.base,
            tree_sha,
            message,
            author: &author,
            committer: &committer,
            signer,
            date,
            branch: BRANCH,
        };
        self.workspace.commit(request).await
    }

    /// The tree of the base.
    pub async fn base_tree(&self) -> String {
        self.ask(&["rev-parse", &format!("{}^{{tree}}", self.base)]).await
    }

    /// Asks git about the control repository.
    pub async fn ask(&self, args: &[&str]) -> String {
        self.git.work(self.workspace.control()).args(args).text().await.unwrap()
    }

    /// A path that nothing makes but a command of an agent's that ran where it must not.
    pub fn canary(&self) -> PathBuf {
        self.folder.path().join("canary")
    }
}

async fn cache(git: &Git, folder: &Path, origin: &Path) -> (CachedRepo, String) {
    let url = origin.to_str().unwrap().parse().unwrap();
    let cached = RepoCache::new(folder, git.clone()).open(&url).await.unwrap();
    cached.fetch().await.unwrap();
    let base = cached.resolve(Some("main")).await.unwrap().sha;
    (cached, base)
}

pub fn options() -> SnapshotOptions {
    SnapshotOptions { exclude: vec![".aider*".into()], max_file_mib: 10, max_total_mib: 20 }
}

pub fn noon() -> DateTime<Utc> {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Runs a script as a user with a git configuration of their own would.
pub fn sh(folder: &Path, script: &str) -> String {
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "Agent"), ("GIT_AUTHOR_EMAIL", "agent@localhost")])
        .envs([("GIT_COMMITTER_NAME", "Agent"), ("GIT_COMMITTER_EMAIL", "agent@localhost")])
        .output()
        .unwrap();
    assert!(output.status.success(), "`{script}`: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
