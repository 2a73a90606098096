use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The version that `dev/octokit.sh` fetches.
const VERSION: &str = "23.0.2";

/// GitHub's own description of its API.
#[derive(Debug)]
pub struct Description {
    root: Value,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Description {
    /// The description, read once; `None`, said so, where it was not fetched.
    #[allow(clippy::print_stdout, reason = "a skipped check says why in the test's output")]
    pub fn load() -> Option<&'static Self> {
        static LOADED: OnceLock<Option<Description>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            let file = file()?;
            let Ok(text) = std::fs::read(&file) else {
                println!("not held against GitHub's description: it is not fetched; `dev/octokit.sh` does that");
                return None;
            };
            let root = serde_json::from_slice(&text).expect("the description is JSON");
            Some(Self { root, compiled: Mutex::default() })
        });
        loaded.as_ref()
    }

    /// Whether there is such an operation.
    pub fn has(&self, method: &str, template: &str) -> bool {
        self.operation(method, template).is_some()
    }

    fn operation(&self, method: &str, template: &str) -> Option<&Value> {
        self.root["paths"].get(template)?.get(method.to_lowercase())
    }

    /// Holds a request's query and body against the description.
    pub fn check_request(
        &self,
        method: &str,
        template: &str,
        query: &HashMap<String, String>,
        body: &Value,
    ) -> Result<(), String> {
        let operation = self.operation(method, template).ok_or("no such operation")?;
        let parameters: Vec<&Value> =
            operation["parameters"].as_array().into_iter().flatten().map(|one| self.resolve(one)).collect();
        for (name, text) in query {
            let known = parameters.iter().find(|one| one["in"] == "query" && one["name"] == name.as_str());
            let schema = &known.ok_or_else(|| format!("unknown query parameter `{name}`"))?["schema"];
            let value = match schema["type"].as_str() {
                Some("integer") => text.parse::<i64>().map_or(json!(text), |number| json!(number)),
                Some("boolean") => text.parse::<bool>().map_or(json!(text), |yes| json!(yes)),
                _ => json!(text),
            };
            self.hold(&format!("{method} {template}?{name}"), schema, &value)?;
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        match (schema.is_null(), body.is_null()) {
            (true, true) | (false, true) if operation["requestBody"]["required"] != true => Ok(()),
            (true, false) => Err("it has a body, and none is described".to_owned()),
            (_, _) => {
                // Most bodies allow more than is described; a field that is not is a slip all the same.
                if let (Some(known), Some(given)) = (schema["properties"].as_object(), body.as_object())
                    && let Some(name) = given.keys().find(|name| !known.contains_key(*name))
                {
                    return Err(format!("unknown field `{name}`"));
                }
                self.hold(&format!("{method} {template} body"), schema, body)
            }
        }
    }

    /// Holds an answer against the description of its status.
    pub fn check_answer(&self, method: &str, template: &str, status: u16, body: Option<&Value>) -> Result<(), String> {
        let operation = self.operation(method, template).ok_or("no such operation")?;
        let response = operation["responses"].get(status.to_string()).map(|one| self.resolve(one));
        // What any operation may answer is described nowhere: wrong credentials, limits, faults.
        let Some(response) = response else {
            return if status >= 300 { Ok(()) } else { Err("no such status".to_owned()) };
        };
        let schema = &response["content"]["application/json"]["schema"];
        match (schema.is_null(), body) {
            (true, None) | (true, Some(_)) if status >= 300 => Ok(()),
            (true, None) => Ok(()),
            (true, Some(_)) => Err("it has a body, and none is described".to_owned()),
            (false, None) => Err("it has no body, and one is described".to_owned()),
            (false, Some(body)) => self.hold(&format!("{method} {template} {status}"), schema, body),
        }
    }

    /// Holds what a webhook tells against the description of its event and action.
    pub fn check_webhook(&self, event: &str, body: &Value) -> Result<(), String> {
        let name = match body["action"].as_str() {
            Some(action) => format!("{event}-{action}"),
            None => event.to_owned(),
        };
        let name = name.replace('_', "-");
        let schema = &self.root["x-webhooks"][&name]["post"]["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            return Err("no such event".to_owned());
        }
        self.hold(&format!("webhook {name}"), schema, body)
    }

    fn hold(&self, name: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let known = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let validator = match known {
            Some(validator) => validator,
            None => {
                let validator = Arc::new(self.compile(schema)?);
                let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(compiled.entry(name.to_owned()).or_insert(validator))
            }
        };
        let errors: Vec<String> = validator
            .iter_errors(value)
            .take(5)
            .map(|error| cut(&format!("{}: {error}", error.instance_path())))
            .collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// A schema of the description with all that it refers to, as JSON Schema has it: OpenAPI 3.0 extends draft 5,
    /// which is draft 4 in other words (<https://spec.openapis.org/oas/v3.0.3#schema-object>).
    fn compile(&self, schema: &Value) -> Result<Validator, String> {
        let mut names = BTreeSet::new();
        self.reach(schema, &mut names);
        let schemas: Map<String, Value> =
            names.into_iter().map(|name| (name.clone(), self.root["components"]["schemas"][&name].clone())).collect();
        let mut whole = json!({ "allOf": [schema], "components": { "schemas": schemas } });
        allow_null(&mut whole);
        let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
        options.build(&whole).map_err(|error| cut(&format!("the description itself does not hold: {error}")))
    }

    /// The names of all schemas that a schema leads to.
    fn reach(&self, schema: &Value, names: &mut BTreeSet<String>) {
        match schema {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(schema_name)
                    && names.insert(name.to_owned())
                {
                    self.reach(&self.root["components"]["schemas"][name], names);
                }
                fields.values().for_each(|field| self.reach(field, names));
            }
            Value::Array(items) => items.iter().for_each(|item| self.reach(item, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(value)
    }
}

/// An error quotes what is wrong, which may be a whole repository.
fn cut(text: &str) -> String {
    text.chars().take(400).collect()
}

fn schema_name(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

/// `nullable` in the words of JSON Schema.
fn allow_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(allow_null);
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
                let inner = Value::Object(std::mem::take(fields));
                fields.insert("anyOf".to_owned(), json!([inner, { "type": "null" }]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn file() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("opsmith/octokit").join(VERSION).join("api.github.com.json"))
}
