use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// Takes secrets out of each text that leaves; [`Redactor::none`] leaves them in.
///
/// It must answer the same text for the same text, or caches and cassettes never match.
#[derive(Clone)]
pub struct Redactor(Arc<Redact>);

type Redact = dyn Fn(&str) -> Cow<'_, str> + Send + Sync;

impl Redactor {
    /// Redacts by `redact`.
    pub fn new(redact: impl Fn(&str) -> Cow<'_, str> + Send + Sync + 'static) -> Self {
        Self(Arc::new(redact))
    }

    /// Leaves every text as it is.
    pub fn none() -> Self {
        Self::new(|text| Cow::Borrowed(text))
    }

    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        (self.0)(text)
    }

    /// Redacts every text in `value`, keys included: arguments of tools have keys that a model chose.
    pub(crate) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text).into_owned()),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(map) => {
                let entries = map.into_iter().map(|(key, value)| (self.text(&key).into_owned(), self.value(value)));
                Value::Object(entries.collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}
