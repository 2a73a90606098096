use std::collections::BTreeMap;

use serde_json::Value;

use super::form::{Form, Syntax};

/// The values of each key that is there, at least an empty one.
pub(super) type Entries = BTreeMap<String, Vec<String>>;

/// The entries of a file that are about tests; none where it cannot be read.
pub(super) fn read(form: Form, text: &str) -> Option<Entries> {
    let mut entries = match form.syntax {
        Syntax::Toml => flat(&toml::from_str(text).ok()?),
        Syntax::Json => flat(&serde_json::from_str(text).ok()?),
        Syntax::Ini => ini(text),
        Syntax::Lines => lines(text),
    };
    entries.retain(|key, _| (form.is_about_tests)(key));
    Some(entries)
}

fn flat(value: &Value) -> Entries {
    let mut entries = Entries::new();
    flatten(value, "", &mut entries);
    entries
}

/// Both parsers bound the depth.
fn flatten(value: &Value, key: &str, entries: &mut Entries) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| flatten(value, &below(name), entries)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, item) in items.iter().enumerate() {
                let name = item.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                flatten(item, &below(&name), entries);
            }
        }
        Value::Array(items) => {
            let all = entries.entry(key.to_owned()).or_default();
            all.extend(items.iter().map(word));
            if items.is_empty() {
                all.push(String::new());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            entries.entry(key.to_owned()).or_default().push(word(value));
        }
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `[section]`, `key = value`, and further values on lines that are set in.
fn ini(text: &str) -> Entries {
    let (mut entries, mut section, mut key) = (Entries::new(), String::new(), String::new());
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = bare.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            section = name.trim().to_owned();
            key.clear();
        } else if line.starts_with([' ', '\t']) && !key.is_empty() {
            let values = entries.entry(key.clone()).or_default();
            values.retain(|value| !value.is_empty());
            values.push(bare.to_owned());
        } else {
            let (name, value) = bare.split_once(['=', ':']).unwrap_or((bare, ""));
            key = format!("{section}.{}", name.trim());
            entries.entry(key.clone()).or_default().push(value.trim().to_owned());
        }
    }
    entries
}

/// Every part of every line as `key: value`, `key = value`, `<key>value</key>`, or as a key alone.
fn lines(text: &str) -> Entries {
    let mut entries = Entries::new();
    for line in text.lines() {
        let bare = line.trim();
        if ["//", "#", "*", "/*", "<!--", "import "].iter().any(|start| bare.starts_with(start)) {
            continue;
        }
        if let Some((tag, rest)) = bare.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            let value = rest.split('<').next().unwrap_or("");
            entries.entry(tag.to_owned()).or_default().push(value.to_owned());
            continue;
        }
        for part in bare.split(['{', '}', '[', ']', ',', ';']) {
            let (key, value) = part.split_once([':', '=']).unwrap_or((part, ""));
            let clean =
                |text: &str| text.trim().trim_start_matches("- ").trim_matches(['"', '\'', '`', ' ']).to_owned();
            let key = clean(key);
            if key.chars().any(char::is_alphanumeric) {
                entries.entry(key).or_default().push(clean(value));
            }
        }
    }
    entries
}
