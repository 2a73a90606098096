use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::super::environment::{Environment, find_program};
use super::super::process::{self, NoEnd, Program, Said};
use super::{SigningError, SigningKey, gpg, ssh};

/// Long enough for a key on a card that wants to be touched.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_OUTPUT_BYTES: usize = 256 * 1024;
/// What is signed to see whether signing works.
const PROBE: &[u8] = b"opsmith signs this to see whether it can.\n";

/// Signs with one key of the user's, by the user's own program; cheap to clone.
#[derive(Clone, Debug)]
pub struct Signer {
    key: SigningKey,
    program: Option<PathBuf>,
    environment: Environment,
}

impl Signer {
    /// A signer that has done nothing yet. Of `environment`, that of the host process, only what leads to the user's
    /// keys and agents reaches the program.
    pub fn new(key: SigningKey, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let host: Vec<_> = environment.into_iter().collect();
        Self { program: find_program(name(&key), &host), environment: Environment::signing(&host), key }
    }

    /// The key as it is configured.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Signs a text and verifies it; the key's fingerprint.
    pub async fn probe(&self) -> Result<String, SigningError> {
        let signature = self.sign(PROBE).await?;
        let unverified = || SigningError::Unverified { key: self.key.clone() };
        self.signed_by(PROBE, &signature).await?.ok_or_else(unverified)
    }

    /// The armoured signature of `payload`, which need not be the same another time.
    pub(in super::super) async fn sign(&self, payload: &[u8]) -> Result<String, SigningError> {
        match &self.key {
            SigningKey::Gpg(id) => gpg::sign(self, id, payload).await,
            SigningKey::Ssh(file) => ssh::sign(self, file, payload).await,
        }
    }

    /// Whether `signature` is of `payload` and by this key.
    pub(in super::super) async fn has_signed(&self, payload: &[u8], signature: &str) -> Result<bool, SigningError> {
        Ok(self.signed_by(payload, signature).await?.is_some())
    }

    /// The key's fingerprint, where `signature` is of `payload` and by this key.
    async fn signed_by(&self, payload: &[u8], signature: &str) -> Result<Option<String>, SigningError> {
        // The programs read the one from a file and the other from their input.
        let failed = |source| SigningError::Io { what: "keep a signature to be verified".to_owned(), source };
        let mut file = NamedTempFile::new().map_err(failed)?;
        file.write_all(signature.as_bytes()).map_err(failed)?;
        match &self.key {
            SigningKey::Gpg(id) => gpg::signed_by(self, id, payload, file.path()).await,
            SigningKey::Ssh(key) => ssh::signed_by(self, key, payload, file.path()).await,
        }
    }

    pub(super) async fn run(&self, args: Vec<OsString>, stdin: &[u8]) -> Result<Said, SigningError> {
        let name = name(&self.key);
        let program = Program {
            program: self.program.as_deref().ok_or(SigningError::NotInstalled { program: name })?,
            args,
            environment: &self.environment,
            folder: Path::new("/"),
            stdin,
            timeout: PATIENCE,
            max_output: MAX_OUTPUT_BYTES,
        };
        process::run(program).await.map_err(|no_end| match no_end {
            NoEnd::TimedOut => SigningError::TimedOut { program: name, after_s: PATIENCE.as_secs() },
            NoEnd::NotStarted(source) => SigningError::Io { what: format!("start `{name}`"), source },
            NoEnd::NotAwaited(source) => SigningError::Io { what: format!("wait for `{name}`"), source },
        })
    }

    pub(super) fn no_key(&self) -> SigningError {
        SigningError::NoKey { key: self.key.clone() }
    }

    pub(super) fn locked(&self) -> SigningError {
        SigningError::Locked { key: self.key.clone() }
    }

    /// The error of a refusal that has no name: its last line is the most telling.
    pub(super) fn refused(&self, said: &Said) -> SigningError {
        let lines = said.stderr.lines().filter(|line| !line.starts_with(gpg::STATUS));
        let last = lines.map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it says nothing");
        SigningError::Refused { program: name(&self.key), said: last.to_owned() }
    }
}

const fn name(key: &SigningKey) -> &'static str {
    match key {
        SigningKey::Gpg(_) => "gpg",
        SigningKey::Ssh(_) => "ssh-keygen",
    }
}
