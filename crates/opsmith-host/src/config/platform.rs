use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use opsmith_model::Secret;
use serde::Deserialize;
use toml::Value;

use super::env::{DATA_HOME_VARIABLE, HOME_VARIABLE};
use super::key::KeyPath;
use super::layers::Layers;
use super::{Config, ConfigError, Kind, Origin, Setting};

/// The settings every process has.
pub const PLATFORM: &[Setting] = &[
    Setting::new("data_dir", Kind::String, "folder of the database, clone cache, work folders and logs")
        .env(&["OPSMITH_DATA_DIR"]),
    Setting::new("store.url", Kind::String, "database: sqlite://PATH or postgres://…").env(&["DATABASE_URL"]),
    Setting::new("store.path", Kind::String, "path of an SQLite database, instead of a URL").env(&["DATABASE_PATH"]),
    Setting::new("server.address", Kind::String, "address to listen on, host:port")
        .env(&["SERVER_ADDRESS"])
        .default_value("\"127.0.0.1:8080\""),
    Setting::new("server.cors_origins", Kind::StringList, "origins of other sites whose pages may call the API")
        .default_value("[]"),
    Setting::new("server.allowed_hosts", Kind::StringList, "names besides localhost that a loopback server answers to")
        .default_value("[]"),
    Setting::new("worker.dead_after_s", Kind::Seconds, "silence after which a worker's runs go to another")
        .default_value("10"),
    Setting::new("git.author_name", Kind::String, "author of commits").default_value("\"Opsmith\""),
    Setting::new("git.author_email", Kind::String, "address of the author").default_value("\"opsmith@example.com\""),
    Setting::new("git.sign", Kind::String, "how commits are signed: none, gpg or ssh").default_value("\"none\""),
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
    /// How commits are signed.
    pub sign: Sign,
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
        let git: GitSettings = config.section("git")?;
        if git.sign != Sign::None {
            return Err(ConfigError::Invalid {
                key: "git.sign".to_owned(),
                origin: config.origin("git.sign").cloned().unwrap_or(Origin::Default),
                reason: "signed commits are not supported yet; use \"none\"".to_owned(),
            });
        }
        let (server, worker, sandbox) = (config.section("server")?, config.section("worker")?, sandbox(config)?);
        Ok(Self { data_dir, store_url, server, git, worker, sandbox })
    }

    /// Makes the data folder, readable by its owner alone. One that is there stays as it is.
    pub fn create_data_dir(&self) -> Result<(), ConfigError> {
        let path = &self.data_dir;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| ConfigError::DataDir { path: path.clone(), source })
    }
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
    for key in ["data_dir", "store.path"] {
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
