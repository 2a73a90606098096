//! What the stories about git share: a cache in a folder of its own, and permits for single effects.

use std::path::Path;

use opsmith_forge::git::{CachedRepo, Git, RepoCache};
use opsmith_forge::url::RepoUrl;
use opsmith_guard::Permit;
use opsmith_model::{Effect, EffectKind};
use serde_json::Value;
use testkit::repo::TestRepo;

pub fn git() -> Git {
    Git::new(std::env::vars_os()).unwrap()
}

pub struct Stage {
    pub remote: TestRepo,
    pub folder: tempfile::TempDir,
    pub cache: RepoCache,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(TestRepo::new())
    }

    pub fn with(remote: TestRepo) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = RepoCache::new(folder.path(), git());
        Self { remote, folder, cache }
    }

    pub fn url(&self) -> RepoUrl {
        RepoUrl::parse(&self.remote.url()).unwrap()
    }

    pub async fn open(&self) -> CachedRepo {
        self.cache.open(&self.url()).await.unwrap()
    }

    /// The cached repository with all that the remote has now.
    pub async fn fetched(&self) -> CachedRepo {
        let repo = self.open().await;
        repo.fetch().await.unwrap();
        repo
    }
}

/// A permit for exactly this change of the repository.
pub fn permit(verb: &str, repo: &CachedRepo, parameters: Value) -> Permit {
    Permit::for_test(Effect {
        kind: EffectKind::parse(&format!("ampx.{verb}")),
        target: repo.url().target(),
        summary: verb.to_owned(),
        parameters,
    })
}

/// The names in a folder, in byte order.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
