use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opsmith_model::Digest;

use super::command::Ended;
use super::listing::{BaseRef, Listing};
use super::lock::{lock, sweep};
use super::refs::{branch_ref, object_id};
use super::{Git, GitCommand, GitError};
use crate::url::RepoUrl;

/// Bare copies of remotes under one folder, one per address, shared by the processes of this machine.
#[derive(Clone, Debug)]
pub struct RepoCache {
    root: PathBuf,
    git: Git,
    turns: Arc<Mutex<HashMap<PathBuf, Arc<Turns>>>>,
}

/// One repository of the cache; cheap to clone.
///
/// Its objects are never pruned, so that a work folder may borrow them. Only Opsmith writes to it: its
/// configuration can be trusted.
#[derive(Clone, Debug)]
pub struct CachedRepo {
    url: RepoUrl,
    git: Git,
    git_dir: PathBuf,
    turns: Arc<Turns>,
}

/// The fetches of one repository in this process, one after the other.
#[derive(Debug, Default)]
struct Turns {
    begun: AtomicU64,
    last: tokio::sync::Mutex<Option<(u64, Fetched)>>,
}

/// How a fetch ended, for all who wait for it.
#[derive(Clone, Debug)]
enum Fetched {
    Ended(Ended),
    TimedOut,
}

impl RepoCache {
    /// A cache in the folder `root`, which is made when it is first needed.
    pub fn new(root: impl Into<PathBuf>, git: Git) -> Self {
        Self { root: root.into(), git, turns: Arc::default() }
    }

    /// The same cache by another git, such as one with the credentials for a remote.
    #[must_use]
    pub fn with_git(&self, git: Git) -> Self {
        Self { git, ..self.clone() }
    }

    /// The copy of `url`: at first an empty one, filled by [`CachedRepo::fetch`].
    pub async fn open(&self, url: &RepoUrl) -> Result<CachedRepo, GitError> {
        let hash = Digest::of_bytes(url.normal().as_bytes());
        let git_dir = self.root.join(format!("{}.git", &hash.as_str()[..16]));
        if !git_dir.join("HEAD").is_file() {
            self.create(&git_dir).await?;
        }
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = turns.entry(git_dir.clone()).or_default().clone();
        Ok(CachedRepo { url: url.clone(), git: self.git.clone(), git_dir, turns })
    }

    /// Makes an empty repository under another name first: it is there whole or not at all.
    async fn create(&self, git_dir: &Path) -> Result<(), GitError> {
        let failed = |error| GitError::io(format!("create `{}`", git_dir.display()), error);
        fs::create_dir_all(&self.root).map_err(failed)?;
        let _lock = lock(&lock_file(git_dir)).await?;
        if git_dir.join("HEAD").is_file() {
            return Ok(());
        }
        let half_made = git_dir.with_extension("new");
        for left_over in [half_made.as_path(), git_dir] {
            if left_over.exists() {
                fs::remove_dir_all(left_over).map_err(failed)?;
            }
        }
        self.git.work(&half_made).args(["init", "--quiet", "--bare", "--template="]).run().await?;
        fs::rename(&half_made, git_dir).map_err(failed)
    }
}

fn lock_file(git_dir: &Path) -> PathBuf {
    git_dir.with_extension("lock")
}

impl CachedRepo {
    /// The remote's address.
    pub fn url(&self) -> &RepoUrl {
        &self.url
    }

    /// The bare repository.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// How many fetches this process has begun.
    pub fn fetches(&self) -> u64 {
        self.turns.begun.load(Ordering::SeqCst)
    }

    /// Brings `refs/remotes/origin/*` to where the remote's branches are, for one caller at a time.
    ///
    /// Callers that wait share the next fetch that begins, and its outcome: one suffices for all who asked before.
    pub async fn fetch(&self) -> Result<(), GitError> {
        let before = self.fetches();
        let mut last = self.turns.last.lock().await;
        let shared = last.as_ref().filter(|(number, _)| *number > before).map(|(_, fetched)| fetched.clone());
        let fetched = match shared {
            Some(fetched) => fetched,
            None => {
                let number = self.turns.begun.fetch_add(1, Ordering::SeqCst) + 1;
                let fetched = match self.fetch_now().await {
                    Ok(ended) => Fetched::Ended(ended),
                    Err(GitError::Timeout { .. }) => Fetched::TimedOut,
                    Err(other) => return Err(other),
                };
                *last = Some((number, fetched.clone()));
                fetched
            }
        };
        match fetched {
            Fetched::Ended(ended) if ended.code == Some(0) => Ok(()),
            Fetched::Ended(ended) => Err(ended.into_error()),
            Fetched::TimedOut => Err(GitError::Timeout { command: "fetch".to_owned() }),
        }
    }

    async fn fetch_now(&self) -> Result<Ended, GitError> {
        let _lock = lock(&lock_file(&self.git_dir)).await?;
        let git_dir = self.git_dir.clone();
        let swept = tokio::task::spawn_blocking(move || sweep(&git_dir)).await.map_err(std::io::Error::from);
        swept
            .and_then(|swept| swept)
            .map_err(|error| GitError::io(format!("clean `{}`", self.git_dir.display()), error))?;
        self.network()
            .args(["fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"])
            .args(["--", self.url.as_str(), "+refs/heads/*:refs/remotes/origin/*"])
            .end()
            .await
    }

    /// The branch to start from: `base`, or else the remote's default one; asks the remote.
    pub async fn resolve(&self, base: Option<&str>) -> Result<BaseRef, GitError> {
        if let Some(name) = base {
            branch_ref(name)?;
        }
        let listing = self.list(&["HEAD", "refs/heads/*"]).await?;
        match base {
            None => listing.default_branch(&self.url).cloned(),
            Some(name) => listing.branch(name).cloned().ok_or_else(|| GitError::NoSuchRef { name: name.to_owned() }),
        }
    }

    /// Where `branch` is on the remote now; `None`: there is no such branch.
    pub async fn remote_branch(&self, branch: &str) -> Result<Option<String>, GitError> {
        let listing = self.list(&[&branch_ref(branch)?]).await?;
        Ok(listing.branch(branch).map(|found| found.sha.clone()))
    }

    async fn list(&self, patterns: &[&str]) -> Result<Listing, GitError> {
        let listing = self.network().args(["ls-remote", "--symref", "--", self.url.as_str()]).args(patterns);
        Ok(Listing::parse(&listing.text().await?))
    }

    /// Whether the commit `sha` is here, with all it refers to.
    pub async fn contains(&self, sha: &str) -> Result<bool, GitError> {
        self.contains_all(&[sha]).await
    }

    /// The same of several commits, in one process.
    pub async fn contains_all(&self, shas: &[&str]) -> Result<bool, GitError> {
        let shas = shas.iter().map(|sha| object_id(sha)).collect::<Result<Vec<_>, _>>()?;
        // A commit may come before its files when git is killed, so the commit alone proves nothing.
        let listing = self.work().args(["rev-list", "--objects", "--quiet"]).args(shas).args(["--not", "--all"]);
        let ended = listing.end().await?;
        match ended.code {
            Some(0) => Ok(true),
            Some(128) => Ok(false),
            _ => Err(ended.into_error()),
        }
    }

    /// Copies the commit `sha`, with all it refers to, from the local repository `from`; harmless if it is here.
    ///
    /// Nothing that `from` configures is run, so it may be a folder an agent wrote to.
    pub async fn import(&self, from: &Path, sha: &str) -> Result<(), GitError> {
        let _lock = lock(&lock_file(&self.git_dir)).await?;
        self.work()
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--"])
            .arg(from)
            .arg(object_id(sha)?)
            .run()
            .await
            .map(|_| ())
    }

    pub(super) fn network(&self) -> GitCommand {
        self.git.network(&self.git_dir).about(&self.url)
    }

    pub(super) fn work(&self) -> GitCommand {
        self.git.work(&self.git_dir).about(&self.url)
    }
}
