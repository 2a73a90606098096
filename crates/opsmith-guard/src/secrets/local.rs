use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use opsmith_model::Secret;
use tempfile::NamedTempFile;

use super::SecretStoreError;

const KEY: &str = "key.txt";
const FILE_LIMIT: u64 = 16 << 20;

/// Secrets in files of `data_dir/secrets`, encrypted with age to the key beside them: a backup or a copy of the database
/// tells none of them, the folder as a whole does.
#[derive(Clone, Debug)]
pub struct LocalSecrets {
    folder: PathBuf,
}

impl LocalSecrets {
    /// The secrets of this data folder; the key is made when the first is kept.
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("secrets") }
    }

    /// Keeps `secrets` as the whole of `scope`, at once or not at all.
    pub(super) fn save(&self, scope: &str, secrets: &BTreeMap<u32, Secret>) -> Result<(), SecretStoreError> {
        let plain: BTreeMap<u32, &str> = secrets.iter().map(|(number, secret)| (*number, secret.expose())).collect();
        let failed = |source| SecretStoreError::Encrypt { scope: scope.to_owned(), source };
        let plain = serde_json::to_vec(&plain).map_err(|error| failed(error.into()))?;
        let sealed = age::encrypt(&self.key()?.to_public(), &plain).map_err(|error| failed(error.into()))?;
        let path = self.file(scope);
        let written = self.write(&sealed).and_then(|file| Ok(file.persist(&path)?));
        written.map(drop).map_err(|source| SecretStoreError::File { path, source })
    }

    /// The secrets of `scope`; none where nothing was kept.
    pub(super) fn load(&self, scope: &str) -> Result<BTreeMap<u32, Secret>, SecretStoreError> {
        let path = self.file(scope);
        let Some(sealed) = read(&path)? else { return Ok(BTreeMap::new()) };
        let damaged = |reason| SecretStoreError::Damaged { path: path.clone(), reason };
        let plain = age::decrypt(&self.key()?, &sealed).map_err(|_| damaged("the key does not open it"))?;
        serde_json::from_slice(&plain).map_err(|_| damaged("it does not hold numbered secrets"))
    }

    fn file(&self, scope: &str) -> PathBuf {
        self.folder.join(format!("{scope}.age"))
    }

    /// The key, made at its first use; of two processes that make it at once, one wins.
    fn key(&self) -> Result<Identity, SecretStoreError> {
        let path = self.folder.join(KEY);
        let failed = |source| SecretStoreError::File { path: path.clone(), source };
        if let Some(text) = read(&path)? {
            return self.read_key(&path, &text);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(failed)?;
        let made = Identity::generate();
        let text = format!("{}\n", made.to_string().expose_secret());
        match self.write(text.as_bytes()).map_err(failed)?.persist_noclobber(&path) {
            Ok(_) => Ok(made),
            Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {
                let text = read(&path)?.unwrap_or_default();
                self.read_key(&path, &text)
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    fn read_key(&self, path: &Path, text: &[u8]) -> Result<Identity, SecretStoreError> {
        let metadata = fs::metadata(path).map_err(|source| SecretStoreError::File { path: path.to_owned(), source })?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(SecretStoreError::KeyExposed { path: path.to_owned() });
        }
        let text = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
        text.ok_or(SecretStoreError::Damaged { path: path.to_owned(), reason: "it does not hold an age key" })
    }

    /// A file beside its place, whole on the disk, that only we can read.
    fn write(&self, content: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, SecretStoreError> {
    let failed = |source| SecretStoreError::File { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut content = Vec::new();
    file.take(FILE_LIMIT + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > FILE_LIMIT {
        return Err(SecretStoreError::Damaged { path: path.to_owned(), reason: "it is larger than any we write" });
    }
    Ok(Some(content))
}
