use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::key::KeyPath;
use super::resolve::Resolved;
use super::{ConfigError, Setting, mask_url};

/// Where a value came from; a stronger one is greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The declaration, or what follows from other values.
    Default,
    /// The configuration file; the line counts from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key.
        line: usize,
    },
    /// A variable.
    Env(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "file {}:{line}", path.display()),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One value with its origin, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The full key.
    pub key: String,
    /// The value as written, secrets as `***`; `None` when nothing sets it.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// Where the value is to be had, where that is what was written: `env:NAME`, `vault:…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What the setting is for.
    pub help: &'static str,
}

pub(super) struct Entry {
    pub(super) value: Value,
    /// As written: a `${NAME}` is not replaced here, since what it reads may be secret.
    pub(super) shown: String,
    pub(super) origin: Origin,
}

/// Every resolved value. Its Debug shows no value.
///
/// A secret that was written as a reference is that reference's text until [`Config::resolve_secrets`], which
/// [`Process::open`](crate::process::Process::open) calls.
pub struct Config {
    pub(super) settings: Vec<&'static Setting>,
    pub(super) entries: BTreeMap<KeyPath, Entry>,
    tables: BTreeSet<KeyPath>,
    file: Option<PathBuf>,
    pub(super) resolved: OnceLock<Resolved>,
}

impl Config {
    pub(super) fn new(
        settings: Vec<&'static Setting>,
        entries: BTreeMap<KeyPath, Entry>,
        tables: BTreeSet<KeyPath>,
        file: Option<PathBuf>,
    ) -> Self {
        Self { settings, entries, tables, file, resolved: OnceLock::new() }
    }

    /// The file that was read, if one was.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The value of one key. A key without value is an error unless `T` is an `Option`.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        let path = self.declared(key)?;
        let Some(entry) = self.entries.get(&path) else {
            return from_nothing().ok_or_else(|| self.not_set(&path));
        };
        T::deserialize(self.value(&path, entry).clone()).map_err(|error| self.invalid(&path, error.message()))
    }

    /// Everything below `prefix` as one structure; it may deny unknown fields.
    pub fn section<T: DeserializeOwned>(&self, prefix: &str) -> Result<T, ConfigError> {
        let at = KeyPath::parse(prefix).filter(|at| self.settings.iter().any(|setting| setting.lies_below(at)));
        let at = at.ok_or_else(|| undeclared(prefix))?;
        let mut root = Table::new();
        let depth = at.segments().len();
        // Sorted, so a table comes before what is in it; one without values still shows that it was written.
        for path in self.tables.iter().filter(|path| path.starts_with(&at)) {
            put(&mut root, &path.segments()[depth..], Value::Table(Table::new()));
        }
        for (path, entry) in self.entries.iter().filter(|(path, _)| path.starts_with(&at)) {
            put(&mut root, &path.segments()[depth..], self.value(path, entry).clone());
        }
        serde_path_to_error::deserialize(Value::Table(root)).map_err(
            |error: serde_path_to_error::Error<toml::de::Error>| {
                let mut path = at.clone();
                for segment in error.path() {
                    if let serde_path_to_error::Segment::Map { key } = segment {
                        path = path.child(key);
                    }
                }
                self.invalid(&path, error.inner().message())
            },
        )
    }

    /// Where the value of `key` came from; `None` when nothing sets it.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.entries.get(&KeyPath::parse(key)?).map(|entry| &entry.origin)
    }

    /// Every value with its origin, in the order of declaration, secrets masked.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for setting in &self.settings {
            let before = rows.len();
            for (path, entry) in self.entries.iter().filter(|(path, _)| setting.matches(path)) {
                let value = if setting.secret { "***".to_owned() } else { mask_url(&entry.shown) };
                let (key, origin) = (path.to_string(), entry.origin.clone());
                let reference = super::resolve::reference(setting, &entry.value);
                rows.push(Row { key, value: Some(value), origin, reference, help: setting.help });
            }
            if rows.len() == before && setting.is_concrete() {
                let key = setting.key.to_owned();
                rows.push(Row { key, value: None, origin: Origin::Default, reference: None, help: setting.help });
            }
        }
        rows
    }

    /// What stands at `path`, a secret in the place of its reference where it was had.
    fn value<'a>(&'a self, path: &KeyPath, entry: &'a Entry) -> &'a Value {
        self.resolved.get().and_then(|resolved| resolved.values.get(path)).unwrap_or(&entry.value)
    }

    fn declared(&self, key: &str) -> Result<KeyPath, ConfigError> {
        KeyPath::parse(key)
            .filter(|path| self.settings.iter().any(|setting| setting.matches(path)))
            .ok_or_else(|| undeclared(key))
    }

    fn not_set(&self, path: &KeyPath) -> ConfigError {
        let setting = self.settings.iter().find(|setting| setting.matches(path));
        ConfigError::NotSet { key: path.to_string(), variables: setting.map_or(&[], |setting| setting.env) }
    }

    fn invalid(&self, path: &KeyPath, message: &str) -> ConfigError {
        let nearest_entry = self.entries.iter().find(|(have, _)| have.starts_with(path) || path.starts_with(have));
        let secret = self.settings.iter().any(|setting| setting.secret && setting.matches(path))
            || nearest_entry.is_some_and(|(have, entry)| {
                // Serde quotes the value it refuses.
                entry.shown.contains("${")
                    || self.settings.iter().any(|setting| setting.secret && setting.matches(have))
            });
        ConfigError::Invalid {
            key: path.to_string(),
            origin: nearest_entry.map_or(Origin::Default, |(_, entry)| entry.origin.clone()),
            reason: if secret { "it has the wrong form".to_owned() } else { message.trim().to_owned() },
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("file", &self.file).field("values", &self.entries.len()).finish()
    }
}

fn undeclared(key: &str) -> ConfigError {
    ConfigError::Declaration { key: key.to_owned(), reason: "it was asked for but nobody declared it" }
}

/// `None` as a `T` that is an `Option`; nothing for any other type.
fn from_nothing<T: DeserializeOwned>() -> Option<T> {
    #[derive(Deserialize)]
    struct One<T> {
        value: T,
    }
    One::deserialize(Value::Table(Table::new())).ok().map(|one: One<T>| one.value)
}

/// Puts `value` at the end of `segments`, making the tables on the way.
fn put(table: &mut Table, segments: &[String], value: Value) {
    match segments {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
