use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value as Context};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A template that loops without end is stopped; one that lists ten thousand files is not.
const FUEL: u64 = 5_000_000;

/// What a variable of a prompt may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableType {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// An object.
    Object,
}

impl VariableType {
    /// Whether `value` is one.
    pub(super) fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    /// Its word in the registry.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Object => "object",
        }
    }
}

/// No HTML is written, so nothing is escaped; a variable that is not there is an error.
fn environment<'s>() -> Environment<'s> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment
}

/// The variables that a template reads and does not set.
pub(super) fn variables(name: &str, source: &str) -> Result<BTreeSet<String>, minijinja::Error> {
    let environment = environment();
    let template = environment.template_from_named_str(name, source)?;
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let read = template.undeclared_variables(false);
    Ok(read.into_iter().filter(|name| !globals.contains(name.as_str())).collect())
}

/// The template's text with `values` put in.
pub(super) fn render(name: &str, source: &str, values: &Map<String, Value>) -> Result<String, minijinja::Error> {
    environment().render_named_str(name, source, Context::from(Serde(values)))
}

/// What is wrong with `values`, as a variable and a reason.
pub(super) fn misfit<'v>(
    declared: &'v BTreeMap<String, VariableType>,
    values: &'v Map<String, Value>,
) -> Option<(&'v str, String)> {
    for (name, kind) in declared {
        match values.get(name) {
            None => return Some((name, "is missing".to_owned())),
            Some(value) if !kind.fits(value) => return Some((name, format!("is not of type {}", kind.word()))),
            Some(_) => {}
        }
    }
    let strange = values.keys().find(|name| !declared.contains_key(*name))?;
    let near = opsmith_model::nearest(strange, declared.keys().map(String::as_str));
    let near = near.map(|near| format!("; `{near}` is")).unwrap_or_default();
    Some((strange, format!("is not one of its variables{near}")))
}
