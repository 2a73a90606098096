use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use opsmith_model::nearest;
use toml::Value;

use super::key::KeyPath;
use super::view::Entry;
use super::{Config, ConfigError, Kind, Origin, Setting, value};

pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a path is, as far as the declared settings know.
pub(super) enum Place {
    Leaf(&'static Setting),
    Branch,
    Nowhere,
}

/// The values so far; a later layer replaces what an earlier one gave.
pub(super) struct Layers<'a> {
    settings: Vec<&'static Setting>,
    entries: BTreeMap<KeyPath, Entry>,
    tables: BTreeSet<KeyPath>,
    env: Env<'a>,
}

impl<'a> Layers<'a> {
    pub(super) fn new(settings: &[&'static [Setting]], env: Env<'a>) -> Self {
        let settings = settings.iter().copied().flatten().collect();
        Self { settings, entries: BTreeMap::new(), tables: BTreeSet::new(), env }
    }

    /// What came of all layers; `file` is the one that was read.
    pub(super) fn done(self, file: Option<PathBuf>) -> Config {
        Config::new(self.settings, self.entries, self.tables, file)
    }

    pub(super) fn env(&self) -> Env<'a> {
        self.env
    }

    pub(super) fn place(&self, path: &KeyPath) -> Place {
        if let Some(setting) = self.settings.iter().find(|setting| setting.matches(path)) {
            return Place::Leaf(setting);
        }
        if self.settings.iter().any(|setting| setting.lies_below(path)) { Place::Branch } else { Place::Nowhere }
    }

    /// Remembers a table that was written, even an empty one.
    pub(super) fn note_table(&mut self, path: &KeyPath) {
        self.tables.insert(path.clone());
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(&KeyPath::parse(key)?)
    }

    pub(super) fn declares(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key)
    }

    pub(super) fn insert(&mut self, path: KeyPath, value: Value, origin: Origin) {
        let shown = value::shown(&value);
        self.insert_shown(path, value, shown, origin);
    }

    pub(super) fn insert_shown(&mut self, path: KeyPath, value: Value, shown: String, origin: Origin) {
        // In a free subtree a table may take the place of a value, or the other way round.
        self.entries.retain(|have, _| *have == path || !(have.starts_with(&path) || path.starts_with(have)));
        self.entries.insert(path, Entry { value, shown, origin });
    }

    pub(super) fn unknown(&self, path: &KeyPath, origin: Origin) -> ConfigError {
        let written = path.segments().join(".");
        let last = path.segments().last().map_or("", String::as_str);
        let known: Vec<String> = self.settings.iter().map(|setting| setting.as_written_like(path)).collect();
        let depth = path.segments().len();
        let tables = known.iter().map(|key| key.split('.').take(depth).collect::<Vec<_>>().join("."));
        let candidates: BTreeSet<String> = known.iter().cloned().chain(tables).collect();
        let parent = &written[..written.len() - last.len()];
        let siblings = candidates.iter().filter_map(|key| key.strip_prefix(parent)).filter(|key| !key.contains('.'));
        let nearest = nearest(last, siblings)
            .map(|sibling| format!("{parent}{sibling}"))
            .or_else(|| known.iter().find(|key| key.rsplit('.').next() == Some(last)).cloned())
            .or_else(|| nearest(&written, candidates.iter().map(String::as_str)).map(str::to_owned));
        ConfigError::UnknownKey { key: path.to_string(), origin, nearest }
    }

    pub(super) fn apply_defaults(&mut self) -> Result<(), ConfigError> {
        for setting in self.settings.clone() {
            let Some(literal) = setting.default else { continue };
            let wrong = |reason| ConfigError::Declaration { key: setting.key.to_owned(), reason };
            let path = KeyPath::parse(setting.key)
                .filter(|_| setting.is_concrete())
                .ok_or_else(|| wrong("a key with `*` cannot have a default"))?;
            let parsed: Option<Value> = literal.parse().ok().and_then(|value| value::fit(setting.kind, value));
            self.insert(path, parsed.ok_or_else(|| wrong("its default is not of its kind"))?, Origin::Default);
        }
        Ok(())
    }

    pub(super) fn apply_env(&mut self) -> Result<(), ConfigError> {
        for setting in self.settings.clone() {
            let first = setting.env.iter().find_map(|name| Some((*name, (self.env)(name)?)));
            let Some((name, text)) = first else { continue };
            let Some(path) = KeyPath::parse(setting.key).filter(|_| setting.is_concrete()) else {
                let reason = "a key with `*` cannot have a variable";
                return Err(ConfigError::Declaration { key: setting.key.to_owned(), reason });
            };
            self.insert_text(path, setting, &text, Origin::Env(name.to_owned()))?;
        }
        Ok(())
    }

    pub(super) fn apply_flag(&mut self, key: &str, text: &str) -> Result<(), ConfigError> {
        let Some(path) = KeyPath::parse(key) else {
            return Err(ConfigError::UnknownKey { key: key.to_owned(), origin: Origin::Flag, nearest: None });
        };
        match self.place(&path) {
            Place::Leaf(setting) => self.insert_text(path, setting, text, Origin::Flag),
            Place::Branch | Place::Nowhere => Err(self.unknown(&path, Origin::Flag)),
        }
    }

    fn insert_text(&mut self, path: KeyPath, setting: &Setting, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let Some(value) = value::parse(setting.kind, text) else {
            let got = if setting.secret || setting.kind == Kind::Table {
                "other text".to_owned()
            } else {
                format!("{:?}", text.chars().take(40).collect::<String>())
            };
            return Err(ConfigError::WrongType {
                key: path.to_string(),
                origin,
                expected: setting.kind.expected(),
                got,
            });
        };
        self.insert(path, value, origin);
        Ok(())
    }
}
