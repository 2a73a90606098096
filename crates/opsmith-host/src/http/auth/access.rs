use axum::http::Method;
use opsmith_guard::tokens::Role;

/// What a route asks of who calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: signs of life, the login, files of pages, and what checks a signature of its own.
    Open,
    /// At least the role viewer.
    Viewer,
    /// At least the role operator.
    Operator,
    /// At least the role operator, and to be a person: it is somebody's answer.
    Person,
    /// The role admin.
    Admin,
}

impl Access {
    /// The least role; `None` where no token is needed.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Viewer => Some(Role::Viewer),
            Self::Operator | Self::Person => Some(Role::Operator),
            Self::Admin => Some(Role::Admin),
        }
    }
}

/// What one route asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The method in capitals.
    pub method: &'static str,
    /// The route's template, such as `/tasks/{id}`; with `*` at its end, every path that begins so.
    pub path: &'static str,
    /// What it asks.
    pub access: Access,
}

impl Rule {
    /// The rule of a `GET`, and of the `HEAD` that goes with it.
    pub const fn get(path: &'static str, access: Access) -> Self {
        Self { method: "GET", path, access }
    }

    /// The rule of a `POST`.
    pub const fn post(path: &'static str, access: Access) -> Self {
        Self { method: "POST", path, access }
    }

    /// The rule of a `PATCH`.
    pub const fn patch(path: &'static str, access: Access) -> Self {
        Self { method: "PATCH", path, access }
    }

    /// The rule of a `DELETE`.
    pub const fn delete(path: &'static str, access: Access) -> Self {
        Self { method: "DELETE", path, access }
    }

    fn covers(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(begins) => path.starts_with(begins),
            None => self.path == path,
        }
    }
}

/// What the route of that template asks; `None` where no rule tells, and then it is not to be served.
pub(super) fn find(rules: &[Rule], method: &Method, path: &str) -> Option<Access> {
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    rules.iter().find(|rule| rule.method == method && rule.covers(path)).map(|rule| rule.access)
}

/// The methods that the rules know of a template, for `Allow`.
pub(super) fn methods(rules: &[Rule], path: &str) -> Vec<&'static str> {
    let mut methods: Vec<_> = rules.iter().filter(|rule| rule.covers(path)).map(|rule| rule.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[Rule] = &[
        Rule::get("/tasks", Access::Viewer),
        Rule::post("/tasks", Access::Operator),
        Rule::get("/assets/*", Access::Open),
    ];

    #[test]
    fn only_what_has_a_rule_is_found() {
        for (method, path, found) in [
            (Method::GET, "/tasks", Some(Access::Viewer)),
            (Method::HEAD, "/tasks", Some(Access::Viewer)),
            (Method::POST, "/tasks", Some(Access::Operator)),
            (Method::DELETE, "/tasks", None),
            (Method::OPTIONS, "/tasks", None),
            (Method::GET, "/tasks/", None),
            (Method::GET, "/tasks/{id}", None),
            (Method::GET, "/assets/a.css", Some(Access::Open)),
            (Method::POST, "/assets/a.css", None),
            (Method::GET, "/assets", None),
        ] {
            assert_eq!(find(RULES, &method, path), found, "{method} {path}");
        }
        assert_eq!(methods(RULES, "/tasks"), ["GET", "POST", "HEAD"]);
        assert!(methods(RULES, "/nothing").is_empty());
    }
}
