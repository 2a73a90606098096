use std::collections::HashMap;

use serde_json::{Value, json};

use super::state::{Repository, State};

/// What a route is asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub params: HashMap<&'static str, String>,
    pub query: HashMap<String, String>,
    pub body: Value,
    /// Who asks.
    pub login: String,
}

impl Asked {
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        self.param(name).parse().unwrap_or(0)
    }

    pub(super) fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// The repository that the path names.
    pub(super) fn repository<'a>(&self, state: &'a mut State) -> Result<&'a mut Repository, Answer> {
        state.repository(self.param("owner"), self.param("repo")).ok_or_else(Answer::not_found)
    }
}

/// What a route answers.
#[derive(Debug)]
pub(super) enum Answer {
    One {
        status: u16,
        body: Value,
        headers: Vec<(&'static str, String)>,
    },
    /// A list, paged; where `within` names a field it is there, beside the fields of `beside`.
    List {
        items: Vec<Value>,
        within: Option<&'static str>,
        beside: Value,
    },
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self::One { status: 200, body, headers: Vec::new() }
    }

    pub(super) fn created(body: Value) -> Self {
        Self::One { status: 201, body, headers: Vec::new() }
    }

    pub(super) fn list(items: Vec<Value>) -> Self {
        Self::List { items, within: None, beside: Value::Null }
    }

    pub(super) fn list_in(field: &'static str, items: Vec<Value>, beside: Value) -> Self {
        Self::List { items, within: Some(field), beside }
    }

    pub(super) fn redirect(status: u16, to: String) -> Self {
        let body = json!({ "message": "Moved", "url": to, "documentation_url": "https://docs.github.com/rest" });
        Self::One { status, body, headers: vec![("location", to)] }
    }

    pub(super) fn refuse(status: u16, message: &str) -> Self {
        let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest" });
        Self::One { status, body, headers: Vec::new() }
    }

    /// A refusal that names another page of the documentation.
    pub(super) fn refuse_with(status: u16, message: &str, page: &str) -> Self {
        let body = json!({ "message": message, "documentation_url": page });
        Self::One { status, body, headers: Vec::new() }
    }

    /// 422 whose errors are plain sentences.
    pub(super) fn refuse_in_words(status: u16, error: &str) -> Self {
        let page = "https://docs.github.com/rest";
        let body = json!({ "message": "Unprocessable Entity", "errors": [error], "documentation_url": page });
        Self::One { status, body, headers: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::One { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    pub(super) fn not_found() -> Self {
        Self::refuse(404, "Not Found")
    }

    /// 422 with one error of a field.
    pub(super) fn invalid(resource: &str, field: &str, code: &str, message: &str) -> Self {
        let mut error = json!({ "resource": resource, "field": field, "code": code });
        if !message.is_empty() {
            error["message"] = json!(message);
        }
        let body = json!({
            "message": "Validation Failed",
            "errors": [error],
            "documentation_url": "https://docs.github.com/rest",
        });
        Self::One { status: 422, body, headers: Vec::new() }
    }
}
