//! JSON schemas for answers: which of them a provider takes, and whether an answer holds.

use jsonschema::Validator;
use serde_json::Value;

/// How many faults a repair is told.
const MAX_FAULTS: usize = 10;
const MAX_FAULT_CHARS: usize = 300;

/// A schema that can be checked against.
pub(crate) struct Schema(Validator);

impl Schema {
    /// Compiles a schema; the error is in the schema library's words.
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        jsonschema::validator_for(schema).map(Self).map_err(|error| error.to_string())
    }

    /// The JSON in an answer's text, or what is wrong with it in words for the model.
    pub(crate) fn read(&self, text: &str) -> Result<Value, Vec<String>> {
        let value: Value =
            serde_json::from_str(without_fence(text)).map_err(|error| vec![format!("not JSON: {error}")])?;
        let faults: Vec<String> = self
            .0
            .iter_errors(&value)
            .take(MAX_FAULTS)
            .map(|error| {
                let place = error.instance_path().to_string();
                let place = if place.is_empty() { "the whole" } else { place.as_str() };
                format!("{place}: {error}").chars().take(MAX_FAULT_CHARS).collect()
            })
            .collect();
        if faults.is_empty() { Ok(value) } else { Err(faults) }
    }
}

/// The inside of a code fence that is all there is.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some(inside) = inside else { return text };
    // The first line is the fence's language.
    inside.split_once('\n').map_or(text, |(_, body)| body.trim())
}

/// Whether every object in the schema lists all its properties as required and allows no others.
pub(crate) fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let is_object = map.get("type").is_some_and(|kind| {
                kind == "object" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
            });
            let names = map.get("properties").and_then(Value::as_object);
            let required = map.get("required").and_then(Value::as_array);
            let is_required =
                |name: &String| required.is_some_and(|required| required.iter().any(|known| known == name));
            let all_required = names.is_none_or(|names| names.keys().all(is_required));
            let closed = map.get("additionalProperties") == Some(&Value::Bool(false));
            (!is_object || (closed && all_required)) && map.values().all(is_closed)
        }
        Value::Array(items) => items.iter().all(is_closed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_closed_schemas_go_by_the_wire() {
        let closed = json!({ "type": "object", "additionalProperties": false, "required": ["a"],
            "properties": { "a": { "type": "array", "items": { "type": ["object", "null"], "additionalProperties": false, "properties": {} } } } });
        assert!(is_closed(&closed));
        let mut open = closed.clone();
        open["properties"]["a"]["items"]["additionalProperties"] = json!(true);
        assert!(!is_closed(&open));
        let mut optional = closed;
        optional["required"] = json!([]);
        assert!(!is_closed(&optional));
        assert!(is_closed(&json!({ "enum": ["object"] })));
    }

    #[test]
    fn an_answer_is_read_with_or_without_a_fence_and_its_faults_are_told() {
        let schema = json!({ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } });
        let schema = Schema::compile(&schema).unwrap();
        for text in ["{\"n\":1}", "```json\n{\"n\":1}\n```", "  ```\n{ \"n\": 1 }```\n"] {
            assert_eq!(schema.read(text).unwrap(), json!({ "n": 1 }), "{text}");
        }
        let faults = schema.read("{\"n\":\"one\"}").unwrap_err();
        assert!(faults[0].starts_with("/n: "), "{faults:?}");
        assert!(schema.read("Here you are: {\"n\":1}").unwrap_err()[0].starts_with("not JSON: "));
        assert!(schema.read("[]").unwrap_err()[0].starts_with("the whole: "));
        assert!(Schema::compile(&json!({ "type": 7 })).is_err());
    }
}
