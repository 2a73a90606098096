use super::key::KeyPath;

/// The type of a [`Setting`]'s value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// True or false.
    Bool,
    /// Whole seconds; text such as `90s` or `1h 30m` is read too.
    Seconds,
    /// Texts; from the environment or a flag also separated by commas.
    StringList,
    /// A table whose inside the product reads itself.
    Table,
    /// Anything, for the free subtree of a `.**` key, and where a value may be of several types.
    Any,
}

impl Kind {
    /// The kind with its article, for messages.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Float => "a number",
            Self::Bool => "true or false",
            Self::Seconds => "whole seconds, or a duration such as \"5m\"",
            Self::StringList => "a list of strings",
            Self::Table => "a table",
            Self::Any => "any value",
        }
    }
}

/// One thing that can be configured, declared as data.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Dotted key; `*` stands for one free segment (`ampx.agents.*.command`), a last `**` for a free subtree.
    pub key: &'static str,
    /// The type of the value.
    pub kind: Kind,
    /// What it is for, one line, with its unit.
    pub help: &'static str,
    /// Variables that set it; the first one set wins.
    pub env: &'static [&'static str],
    /// TOML literal, such as `"text"` or `3`.
    pub default: Option<&'static str>,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// Whether the value may be a [`SecretRef`](opsmith_guard::secrets::SecretRef) in place of itself.
    pub refers: bool,
}

impl Setting {
    /// A setting without variables and default, that may be shown.
    pub const fn new(key: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { key, kind, help, env: &[], default: None, secret: false, refers: false }
    }

    /// Adds the variables that set it.
    pub const fn env(mut self, names: &'static [&'static str]) -> Self {
        self.env = names;
        self
    }

    /// Adds the default, as a TOML literal.
    pub const fn default_value(mut self, literal: &'static str) -> Self {
        self.default = Some(literal);
        self
    }

    /// Hides the value wherever it would be shown; it may also be had from elsewhere, by a reference in its place.
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self.refers()
    }

    /// Lets the value be a reference to a secret, such as an address with a password in it.
    pub const fn refers(mut self) -> Self {
        self.refers = true;
        self
    }

    fn segments(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.key.split('.')
    }

    pub(super) fn is_concrete(&self) -> bool {
        !self.key.contains('*')
    }

    pub(super) fn matches(&self, path: &KeyPath) -> bool {
        let mut have = path.segments().iter();
        for want in self.segments() {
            match (want, have.next()) {
                ("**", Some(_)) => return true,
                ("*", Some(_)) => {}
                (want, Some(have)) if want == have => {}
                (_, _) => return false,
            }
        }
        have.next().is_none()
    }

    /// Whether `path` is a table on the way to this key.
    pub(super) fn lies_below(&self, path: &KeyPath) -> bool {
        let mut want = self.segments();
        let on_the_way = path.segments().iter().all(|have| want.next().is_some_and(|want| want == "*" || want == have));
        on_the_way && want.next().is_some()
    }

    /// The key with its free segments taken from `path`, to be compared with what was written.
    pub(super) fn as_written_like(&self, path: &KeyPath) -> String {
        let filled: Vec<&str> = self
            .segments()
            .enumerate()
            .map(|(i, want)| match (want, path.segments().get(i)) {
                ("*", Some(have)) => have.as_str(),
                (want, _) => want,
            })
            .collect();
        filled.join(".")
    }
}
