//! Finding, reading and walking the configuration file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::env::{CONFIG_HOME_VARIABLE, CONFIG_VARIABLE, HOME_VARIABLE};
use super::key::KeyPath;
use super::layers::{Env, Layers, Place};
use super::value::{self, Reference};
use super::{ConfigError, Kind, Origin};

/// No configuration is larger than this; a wrong path (a log, a device) ends here.
const LIMIT_BYTES: u64 = 1 << 20;

/// The file to read: the one that is named, else `./opsmith.toml`, else the one in the user's configuration folder.
pub(super) fn find(named: Option<&Path>, env: Env<'_>) -> Option<PathBuf> {
    if let Some(path) = named.map(Path::to_path_buf).or_else(|| env(CONFIG_VARIABLE).map(PathBuf::from)) {
        return Some(path);
    }
    let home = env(CONFIG_HOME_VARIABLE)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env(HOME_VARIABLE).map(|home| Path::new(&home).join(".config")));
    let here = PathBuf::from("opsmith.toml");
    [Some(here), home.map(|home| home.join("opsmith").join("opsmith.toml"))]
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
}

/// The text of the file; one that is not there is an error.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let text = || -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(LIMIT_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LIMIT_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {LIMIT_BYTES} bytes")));
        }
        Ok(text)
    };
    text().map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

/// Puts every value of the file into `layers`.
pub(super) fn apply(layers: &mut Layers<'_>, path: &Path, text: &str) -> Result<(), ConfigError> {
    let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: error.span().map_or(1, |span| line_at(text, span.start)),
        // Only the parser's words: its Display quotes the line, which may hold a secret.
        message: error.message().to_owned(),
    })?;
    walk(layers, &Source { path, text }, root.get_ref(), &KeyPath::default())
}

struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

fn walk(layers: &mut Layers<'_>, source: &Source<'_>, table: &DeTable<'_>, at: &KeyPath) -> Result<(), ConfigError> {
    for (key, value) in table {
        let path = at.child(key.get_ref());
        let origin = Origin::File { path: source.path.to_owned(), line: line_at(source.text, key.span().start) };
        match (layers.place(&path), value.get_ref()) {
            (Place::Leaf(setting), DeValue::Table(inner)) if setting.kind == Kind::Any => {
                walk(layers, source, inner, &path)?;
            }
            (Place::Branch, DeValue::Table(inner)) => {
                layers.note_table(&path);
                walk(layers, source, inner, &path)?;
            }
            (Place::Leaf(setting), value) => leaf(layers, setting.kind, path, value, origin)?,
            (Place::Branch, value) => {
                let got = value::owned(value).map_or("a number out of range", |value| value::type_name(&value));
                return Err(wrong_type(&path, origin, Kind::Table, got));
            }
            (Place::Nowhere, _) => return Err(layers.unknown(&path, origin)),
        }
    }
    Ok(())
}

fn leaf(
    layers: &mut Layers<'_>,
    kind: Kind,
    path: KeyPath,
    value: &DeValue<'_>,
    origin: Origin,
) -> Result<(), ConfigError> {
    let Some(raw) = value::owned(value) else {
        return Err(wrong_type(&path, origin, kind, "a number out of range"));
    };
    let got = value::type_name(&raw);
    let shown = value::shown(&raw);
    let mut expanded = raw;
    let referred = expand_all(&mut expanded, layers.env()).map_err(|reference| {
        let key = path.to_string();
        match reference {
            Reference::Unset(variable) => ConfigError::UnsetVariable { key, origin: origin.clone(), variable },
            Reference::Malformed => ConfigError::Reference { key, origin: origin.clone() },
        }
    })?;
    // A variable is always text, so `max_attempts = "${N}"` is read the way `N` itself would be.
    let fitted = match &expanded {
        toml::Value::String(text) if referred && kind != Kind::Any => value::parse(kind, text),
        _ => value::fit(kind, expanded),
    };
    let fitted = fitted.ok_or_else(|| wrong_type(&path, origin.clone(), kind, got))?;
    layers.insert_shown(path, fitted, shown, origin);
    Ok(())
}

fn wrong_type(path: &KeyPath, origin: Origin, kind: Kind, got: &str) -> ConfigError {
    ConfigError::WrongType { key: path.to_string(), origin, expected: kind.expected(), got: got.to_owned() }
}

/// Replaces `${NAME}` in every text of `value`; true when there was one.
fn expand_all(value: &mut toml::Value, env: Env<'_>) -> Result<bool, Reference> {
    let mut any = false;
    match value {
        toml::Value::String(text) => {
            if let Some(expanded) = value::expand(text, env)? {
                *text = expanded;
                any = true;
            }
        }
        toml::Value::Array(items) => {
            for item in items {
                any |= expand_all(item, env)?;
            }
        }
        toml::Value::Table(table) => {
            for (_, inner) in table.iter_mut() {
                any |= expand_all(inner, env)?;
            }
        }
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) => {}
    }
    Ok(any)
}
