use std::fs::DirBuilder;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opsmith_model::Secret;
use serde::Deserialize;
use toml::Value;

use super::env::{DATA_HOME_VARIABLE, HOME_VARIABLE};
use super::key::KeyPath;
use super::layers::Layers;
use super::{Config, ConfigError, Kind, Origin, SecretsSettings, Setting};

/// The settings every process has.
pub const PLATFORM: &[Setting] = &[
    Setting::new("data_dir", Kind::String, "folder of the database, clone cache, work folders and logs")
        .env(&["OPSMITH_DATA_DIR"]),
    Setting::new("store.url", Kind::String, "database: sqlite://PATH or postgres://…").env(&["DATABASE_URL"]).refers(),
    Setting::new("store.path", Kind::String, "path of an SQLite database, instead of a URL").env(&["DATABASE_PATH"]),
    Setting::new("server.address", Kind::String, "address to listen on, host:port")
        .env(&["SERVER_ADDRESS"])
        .default_value("\"127.0.0.1:8080\""),
    Setting::new("server.cors_origins", Kind::StringList, "origins of other sites whose pages may call the API")
        .default_value("[]"),
    Setting::new("server.allowed_hosts", Kind::StringList, "names besides localhost that a loopback server answers to")
        .default_value("[]"),
    Setting::new("server.auth", Kind::String, "who needs a token: auto (all, once there is one) or required (all)")
        .default_value("\"auto\""),
    Setting::new("server.requests_per_s", Kind::Integer, "requests of one token, or of one address without one")
        .default_value("100"),
    Setting::new("server.requests_burst", Kind::Integer, "how many of these requests may come at once")
        .default_value("500"),
    Setting::new("client.token", Kind::String, "token that commands send to a server").env(&["OPSMITH_TOKEN"]).secret(),
    Setting::new("worker.dead_after_s", Kind::Seconds, "silence after which a worker's runs go to another")
        .default_value("10"),
    Setting::new("git.author_name", Kind::String, "author of commits").default_value("\"Opsmith\""),
    Setting::new("git.author_email", Kind::String, "address of the author").default_value("\"opsmith@example.com\""),
    Setting::new("git.committer_name", Kind::String, "committer of commits; else the author"),
    Setting::new("git.committer_email", Kind::String, "address of the committer; else the author's"),
    Setting::new("git.sign", Kind::String, "how commits are signed: none, gpg or ssh").default_value("\"none\""),
    Setting::new("git.signing_key", Kind::String, "key that signs: an id of GnuPG's, or the file of an SSH key"),
    Setting::new(
        "sandbox.backend",
        Kind::String,
        "walls around agents and checks: bubblewrap, container, local (none), or auto for the best that works",
    )
    .default_value("\"auto\""),
    Setting::new("sandbox.readable", Kind::StringList, "files and folders that every agent and check may read")
        .default_value("[]"),
    Setting::new("sandbox.writable", Kind::StringList, "files and folders that every agent and check may change")
        .default_value("[]"),
    Setting::new("sandbox.image", Kind::String, "image of containers; the daemon has to have it"),
    Setting::new("sandbox.socket", Kind::String, "unix socket of the container daemon")
        .default_value("\"/var/run/docker.sock\""),
    Setting::new(
        "sandbox.container_network",
        Kind::String,
        "the daemon's network for containers that may reach anything",
    )
    .default_value("\"bridge\""),
    Setting::new("secrets.rules", Kind::String, "file of rules that find secrets, beside the built-in ones"),
    Setting::new("secrets.disabled", Kind::StringList, "ids of built-in rules that do not count").default_value("[]"),
    Setting::new("secrets.allow.patterns", Kind::StringList, "patterns of what is no secret after all"),
    Setting::new("secrets.allow.stopwords", Kind::StringList, "words that are in no real secret"),
    Setting::new("secrets.allow.paths", Kind::StringList, "globs of files of a repository that are not searched"),
    Setting::new("secrets.allow.fingerprints", Kind::StringList, "fingerprints of findings that were looked at"),
    Setting::new("secrets.store", Kind::String, "where what placeholders stand for is kept: local or vault")
        .default_value("\"local\""),
    Setting::new("secrets.vault.address", Kind::String, "address of a HashiCorp Vault or OpenBao").env(&["VAULT_ADDR"]),
    Setting::new("secrets.vault.token", Kind::String, "token of the Vault").env(&["VAULT_TOKEN"]).secret(),
    Setting::new("secrets.vault.namespace", Kind::String, "namespace in the Vault").env(&["VAULT_NAMESPACE"]),
    Setting::new("secrets.vault.path", Kind::String, "mount and path in the Vault where placeholders are kept")
        .default_value("\"secret/opsmith/placeholders\""),
    Setting::new("secrets.sops_keys", Kind::String, "file of the age keys that open SOPS files")
        .env(&["SOPS_AGE_KEY_FILE"]),
    Setting::new("policy.**", Kind::Any, "what is allowed, confirmed or denied"),
];

/// The settings every process has, resolved.
#[derive(Clone, Debug)]
pub struct Platform {
    /// Absolute; [`Platform::create_data_dir`] makes it.
    pub data_dir: PathBuf,
    /// The database's URL, which may hold a password.
    pub store_url: Secret,
    /// The HTTP server.
    pub server: ServerSettings,
    /// Commits.
    pub git: GitSettings,
    /// Workers.
    pub worker: WorkerSettings,
    /// The walls around foreign commands.
    pub sandbox: SandboxSettings,
    /// What is done about secrets.
    pub secrets: SecretsSettings,
}

/// The workers' settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// Silence after which a worker's runs go to another.
    pub dead_after_s: u64,
}

impl WorkerSettings {
    /// The silence; at least one second, or every pause would be a death.
    pub fn dead_after(&self) -> Duration {
        Duration::from_secs(self.dead_after_s.max(1))
    }
}

/// The HTTP server's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// `host:port`.
    pub address: String,
    /// Origins of other sites whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Names besides localhost that a server bound to loopback answers to, as behind a proxy on the same machine.
    pub allowed_hosts: Vec<String>,
    /// Who needs a token.
    pub auth: Auth,
    /// Requests of one token, or of one address without one.
    pub requests_per_s: NonZeroU32,
    /// How many of them may come at once.
    pub requests_burst: NonZeroU32,
}

/// Who needs a token on loopback; beyond it, everybody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Everybody, once there is one.
    Auto,
    /// Everybody.
    Required,
}

/// The walls around foreign commands, as they are asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSettings {
    /// Which sandbox.
    pub backend: SandboxBackend,
    /// What every command may read; absolute.
    pub readable: Vec<PathBuf>,
    /// What every command may change; absolute.
    pub writable: Vec<PathBuf>,
    /// The image of containers.
    pub image: Option<String>,
    /// The container daemon's unix socket.
    pub socket: PathBuf,
    /// The daemon's network for containers that may reach anything.
    pub container_network: String,
}

/// Which sandbox is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxBackend {
    /// The best that works.
    Auto,
    /// None of its walls.
    Local,
    /// Namespaces.
    Bubblewrap,
    /// A daemon's containers.
    Container,
}

/// How commits are made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitSettings {
    /// The author's name.
    pub author_name: String,
    /// The author's address.
    pub author_email: String,
    /// The committer's name, where it is not the author's.
    pub committer_name: Option<String>,
    /// The committer's address, where it is not the author's.
    pub committer_email: Option<String>,
    /// How commits are signed.
    pub sign: Sign,
    /// The key that signs them; an absolute path where it is a file. It is there where commits are signed.
    pub signing_key: Option<String>,
}

/// How commits are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// Not at all.
    None,
    /// With the user's GnuPG key.
    Gpg,
    /// With the user's SSH key.
    Ssh,
}

impl Platform {
    /// Reads the typed values; touches nothing outside.
    pub fn resolve(config: &Config) -> Result<Self, ConfigError> {
        let data_dir = absolute(config, "data_dir", &config.get::<String>("data_dir")?)?;
        let store_url = Secret::new(match store_path(config.origin("store.url"), config.origin("store.path")) {
            StoreFrom::Url => config.get::<String>("store.url")?,
            StoreFrom::Path => {
                let path = absolute(config, "store.path", &config.get::<String>("store.path")?)?;
                format!("sqlite://{}", path.display())
            }
        });
        let git = git(config)?;
        let (server, worker, sandbox) = (config.section("server")?, config.section("worker")?, sandbox(config)?);
        let secrets = SecretsSettings::resolve(config)?;
        Ok(Self { data_dir, store_url, server, git, worker, sandbox, secrets })
    }

    /// Makes the data folder, readable by its owner alone. One that is there stays as it is.
    pub fn create_data_dir(&self) -> Result<(), ConfigError> {
        let path = &self.data_dir;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| ConfigError::DataDir { path: path.clone(), source })
    }
}

fn git(config: &Config) -> Result<GitSettings, ConfigError> {
    let mut settings: GitSettings = config.section("git")?;
    let invalid = |key: &str, reason: &str| ConfigError::Invalid {
        key: key.to_owned(),
        origin: config.origin(key).or(config.origin("git.sign")).cloned().unwrap_or(Origin::Default),
        reason: reason.to_owned(),
    };
    let names = [
        ("git.author_name", Some(&settings.author_name)),
        ("git.author_email", Some(&settings.author_email)),
        ("git.committer_name", settings.committer_name.as_ref()),
        ("git.committer_email", settings.committer_email.as_ref()),
    ];
    let is_empty = |text: &&String| text.chars().all(|c| c.is_whitespace() || c.is_control() || "<>".contains(c));
    if let Some((key, _)) = names.into_iter().find(|(_, text)| text.as_ref().is_some_and(is_empty)) {
        return Err(invalid(key, "is empty, and git makes no commit of nobody"));
    }
    let key = settings.signing_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
    settings.signing_key = match (settings.sign, key) {
        (Sign::None, key) | (Sign::Gpg, key @ Some(_)) => key.map(str::to_owned),
        (Sign::Ssh, Some(file)) => Some(absolute(config, "git.signing_key", file)?.display().to_string()),
        (Sign::Gpg, None) => return Err(invalid("git.signing_key", "is needed: the id of the GnuPG key that signs")),
        (Sign::Ssh, None) => return Err(invalid("git.signing_key", "is needed: the file of the SSH key that signs")),
    };
    Ok(settings)
}

fn sandbox(config: &Config) -> Result<SandboxSettings, ConfigError> {
    let mut settings: SandboxSettings = config.section("sandbox")?;
    for (key, paths) in [("readable", &mut settings.readable), ("writable", &mut settings.writable)] {
        for path in paths {
            *path = absolute(config, &format!("sandbox.{key}"), &path.to_string_lossy())?;
        }
    }
    Ok(settings)
}

enum StoreFrom {
    Url,
    Path,
}

/// The stronger origin wins, and the URL where both are as strong: `DATABASE_URL` > `DATABASE_PATH` > file.
fn store_path(url: Option<&Origin>, path: Option<&Origin>) -> StoreFrom {
    let strength = |origin: Option<&Origin>| match origin {
        None => 0,
        Some(Origin::Default) => 1,
        Some(Origin::File { .. }) => 2,
        Some(Origin::Env(_)) => 3,
        Some(Origin::Flag) => 4,
    };
    if strength(path) > strength(url) { StoreFrom::Path } else { StoreFrom::Url }
}

fn absolute(config: &Config, key: &str, text: &str) -> Result<PathBuf, ConfigError> {
    std::path::absolute(text).map_err(|error| ConfigError::Invalid {
        key: key.to_owned(),
        origin: config.origin(key).cloned().unwrap_or(Origin::Default),
        reason: error.to_string(),
    })
}

/// Fills in the defaults that follow from the environment and from other values.
pub(super) fn complete(layers: &mut Layers<'_>) {
    if !layers.declares("data_dir") {
        return;
    }
    for key in ["data_dir", "store.path", "git.signing_key"] {
        if let Some((path, origin)) = under_home(layers, key) {
            put(layers, key, &path, origin);
        }
    }
    for key in ["sandbox.readable", "sandbox.writable"] {
        if let Some((paths, origin)) = list_under_home(layers, key)
            && let Some(path) = KeyPath::parse(key)
        {
            layers.insert(path, paths, origin);
        }
    }
    if layers.entry("data_dir").is_none() {
        let env = layers.env();
        let home = || env(HOME_VARIABLE).map(|home| Path::new(&home).join(".local").join("share"));
        let data_home = env(DATA_HOME_VARIABLE).map(PathBuf::from).filter(|path| path.is_absolute());
        if let Some(share) = data_home.or_else(home) {
            put(layers, "data_dir", &share.join("opsmith"), Origin::Default);
        }
    }
    let data_dir = layers.entry("data_dir").and_then(|entry| entry.value.as_str()).map(std::path::absolute);
    if let (Some(Ok(data_dir)), None, None) = (data_dir, layers.entry("store.url"), layers.entry("store.path")) {
        let url = format!("sqlite://{}", data_dir.join("opsmith.db").display());
        put(layers, "store.url", Path::new(&url), Origin::Default);
    }
}

/// The path of a value that begins with `~/`.
fn under_home(layers: &Layers<'_>, key: &str) -> Option<(PathBuf, Origin)> {
    let entry = layers.entry(key)?;
    let below = entry.value.as_str()?.strip_prefix("~/")?;
    Some((Path::new(&layers.env()(HOME_VARIABLE)?).join(below), entry.origin.clone()))
}

/// The list, with each path that begins with `~/` in its place; `None` where there is none.
fn list_under_home(layers: &Layers<'_>, key: &str) -> Option<(Value, Origin)> {
    let entry = layers.entry(key)?;
    let home = layers.env()(HOME_VARIABLE)?;
    let place = |path: &Value| match path.as_str().and_then(|path| path.strip_prefix("~/")) {
        Some(below) => Value::String(Path::new(&home).join(below).display().to_string()),
        None => path.clone(),
    };
    let paths: Vec<Value> = entry.value.as_array()?.iter().map(place).collect();
    (paths != *entry.value.as_array()?).then(|| (Value::Array(paths), entry.origin.clone()))
}

fn put(layers: &mut Layers<'_>, key: &str, text: &Path, origin: Origin) {
    if let Some(path) = KeyPath::parse(key) {
        layers.insert(path, Value::String(text.display().to_string()), origin);
    }
}
