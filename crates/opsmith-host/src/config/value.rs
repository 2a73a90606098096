//! From text and parsed TOML to values of a [`Kind`].

use toml::Value;
use toml::de::DeValue;

use super::Kind;

/// Why a `${NAME}` could not be replaced.
pub(super) enum Reference {
    Unset(String),
    Malformed,
}

/// Replaces each `${NAME}` by its variable; `$${` stands for `${`. `None` when there is nothing to replace.
pub(super) fn expand(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, Reference> {
    if !text.contains("${") {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$${") {
            out.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (name, after) = after.split_once('}').ok_or(Reference::Malformed)?;
            if !is_variable_name(name) {
                return Err(Reference::Malformed);
            }
            out.push_str(&env(name).ok_or_else(|| Reference::Unset(name.to_owned()))?);
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The owned value of a parsed one; `None` for a number that does not fit.
pub(super) fn owned(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Datetime(time) => Value::Datetime(*time),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| owned(item.get_ref())).collect::<Option<_>>()?),
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(key, value)| Some((key.get_ref().clone().into_owned(), owned(value.get_ref())?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// The value as `kind` keeps it, or `None` when it is of another type.
pub(super) fn fit(kind: Kind, value: Value) -> Option<Value> {
    match (kind, value) {
        (Kind::Any, value)
        | (Kind::String, value @ Value::String(_))
        | (Kind::Integer, value @ Value::Integer(_))
        | (Kind::Float, value @ Value::Float(_))
        | (Kind::Bool, value @ Value::Boolean(_))
        | (Kind::Table, value @ Value::Table(_)) => Some(value),
        (Kind::Float, Value::Integer(number)) => Some(Value::Float(number as f64)),
        (Kind::Seconds, Value::Integer(seconds)) if seconds >= 0 => Some(Value::Integer(seconds)),
        (Kind::Seconds, Value::String(text)) => duration_s(&text).map(Value::Integer),
        (Kind::StringList, Value::Array(items)) if items.iter().all(Value::is_str) => Some(Value::Array(items)),
        (
            Kind::String | Kind::Integer | Kind::Float | Kind::Bool | Kind::Seconds | Kind::StringList | Kind::Table,
            _,
        ) => None,
    }
}

/// Reads the text of a variable or a flag as `kind`; `None` when it is not one.
pub(super) fn parse(kind: Kind, text: &str) -> Option<Value> {
    let trimmed = text.trim();
    match kind {
        Kind::String => Some(Value::String(text.to_owned())),
        Kind::Integer => trimmed.parse().ok().map(Value::Integer),
        Kind::Float => trimmed.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        Kind::Bool => match trimmed.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(Value::Boolean(true)),
            "false" | "0" | "no" | "off" => Some(Value::Boolean(false)),
            _ => None,
        },
        Kind::Seconds => duration_s(trimmed).map(Value::Integer),
        Kind::StringList if trimmed.starts_with('[') => trimmed.parse().ok().and_then(|value| fit(kind, value)),
        Kind::StringList => {
            let words = trimmed.split(',').map(str::trim).filter(|word| !word.is_empty());
            Some(Value::Array(words.map(|word| Value::String(word.to_owned())).collect()))
        }
        Kind::Table => trimmed.parse().ok().and_then(|value| fit(kind, value)),
        Kind::Any => Some(trimmed.parse().unwrap_or_else(|_| Value::String(text.to_owned()))),
    }
}

/// Seconds of `90`, `90s`, `1h30m` or `1h 30m`; units d, h, m, s and whole numbers only.
fn duration_s(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return (seconds >= 0).then_some(seconds);
    }
    let mut total: i64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit_s = match after.chars().next()? {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_s)?)?;
        rest = after[1..].trim_start();
    }
    Some(total)
}

/// The type of `value` with its article, for messages.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(items) if items.iter().all(Value::is_str) => "a list of strings",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The value as a person reads it: text without quotes, all else as TOML.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration_s, parse};
    use crate::config::Kind;

    #[test]
    fn durations_read_as_seconds() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("1h30m", 5_400), ("1h 30m 1s", 5_401), ("2d", 172_800)] {
            assert_eq!(duration_s(text), Some(seconds), "{text}");
        }
        for wrong in ["", "-1", "1.5h", "5x", "m", "5m5", "99999999999999999999s", "é"] {
            assert_eq!(duration_s(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_is_read_from_commas_and_from_toml() {
        let expected = parse(Kind::StringList, r#"["a b", "c"]"#);
        assert_eq!(parse(Kind::StringList, "a b, c,"), expected);
        assert!(expected.is_some());
        assert_eq!(parse(Kind::StringList, "[1]"), None);
    }
}
