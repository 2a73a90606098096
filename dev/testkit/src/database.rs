use std::ops::Deref;

use opsmith_store::{Store, StoreUrl};
use tempfile::TempDir;

/// A database of its own for one test, gone with it.
#[derive(Debug)]
pub struct TestStore {
    store: Store,
    url: StoreUrl,
    folder: TempDir,
}

impl TestStore {
    pub(crate) async fn open(url: StoreUrl, folder: TempDir) -> Self {
        let store = Store::open(url.clone()).await.expect("a test database opens");
        Self { store, url, folder }
    }

    /// A second, independent set of connections, as another process would have.
    pub async fn reopen(&self) -> Store {
        Store::open(self.url.clone()).await.expect("a test database opens again")
    }

    /// A folder that lives as long as the database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// An SQLite file in a folder of its own.
pub async fn sqlite_store() -> TestStore {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = StoreUrl::sqlite_file(&folder.path().join("opsmith.db"));
    TestStore::open(url, folder).await
}
