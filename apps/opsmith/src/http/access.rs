//! What each route of this server asks, in one place; a route that is not here is not served.

use ampx::http::responses::{Denied, NoCaller, TooMany};
use opsmith_host::http::auth::Access::{Admin, Open, Operator, Person, Viewer};
use opsmith_host::http::auth::{Access, Rule};
use utoipa::IntoResponses;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, PathItem};

const SCHEME: &str = "token";

/// The rules of every route, of the API and of the pages.
pub(super) const RULES: &[Rule] = &[
    // Signs of life, what a stranger needs to log in, and what checks a signature of its own.
    Rule::get("/health", Open),
    Rule::get("/health/live", Open),
    Rule::get("/health/ready", Open),
    Rule::get("/api/v1/ping", Open),
    Rule::get("/login", Open),
    Rule::post("/login", Open),
    Rule::post("/logout", Open),
    Rule::get("/assets/*", Open),
    Rule::post("/webhooks/github", Open),
    // The platform.
    Rule::get("/", Viewer),
    Rule::get("/metrics", Viewer),
    Rule::get("/openapi.json", Viewer),
    Rule::get("/api/v1/runs", Viewer),
    Rule::get("/api/v1/runs/{id}", Viewer),
    Rule::post("/api/v1/runs/{id}/cancel", Operator),
    Rule::post("/api/v1/runs/{id}/retry", Operator),
    Rule::get("/api/v1/workers", Viewer),
    Rule::get("/api/v1/confirmations", Viewer),
    Rule::get("/api/v1/confirmations/{id}", Viewer),
    Rule::post("/api/v1/confirmations/{id}", Person),
    Rule::get("/api/v1/audit", Viewer),
    Rule::post("/api/v1/audit", Admin),
    Rule::get("/api/v1/audit/verify", Viewer),
    Rule::get("/api/v1/tokens", Admin),
    Rule::post("/api/v1/tokens", Admin),
    Rule::delete("/api/v1/tokens/{id}", Admin),
    Rule::get("/confirmations", Viewer),
    Rule::get("/confirmations/{id}", Viewer),
    Rule::post("/confirmations/{id}", Person),
    // ampx. What PATCH does with `accept` is a person's too, which the task itself holds to.
    Rule::get("/api/v1/tasks", Viewer),
    Rule::post("/api/v1/tasks", Operator),
    Rule::get("/api/v1/tasks/active", Viewer),
    Rule::get("/api/v1/tasks/{id}", Viewer),
    Rule::patch("/api/v1/tasks/{id}", Operator),
    Rule::post("/api/v1/tasks/{id}/merge", Operator),
    Rule::get("/api/v1/tasks/{id}/logs", Viewer),
    Rule::get("/api/v1/tasks/{id}/diff", Viewer),
    Rule::get("/api/v1/events", Viewer),
    Rule::get("/tasks", Viewer),
    Rule::post("/tasks", Operator),
    Rule::get("/tasks/new", Operator),
    Rule::get("/tasks/events", Viewer),
    Rule::get("/tasks/{id}", Viewer),
    Rule::get("/tasks/{id}/events", Viewer),
    Rule::get("/tasks/{id}/changes", Viewer),
    Rule::get("/tasks/{id}/merge", Viewer),
    Rule::post("/tasks/{id}/merge", Person),
    Rule::get("/tasks/{id}/continue", Viewer),
    Rule::post("/tasks/{id}/continue", Operator),
    Rule::get("/tasks/{id}/accept", Viewer),
    Rule::post("/tasks/{id}/accept", Person),
    Rule::get("/tasks/{id}/abort", Viewer),
    Rule::post("/tasks/{id}/abort", Operator),
];

/// Tells of each operation what it asks, as the rules have it.
pub(super) fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_with(Components::new);
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description =
        Some("A token as `opsmith token create` gives it; an open server on loopback wants none".into());
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let rule = RULES.iter().find(|rule| rule.method == method && rule.path == path.as_str());
            match rule.map_or(Admin, |rule| rule.access) {
                Open => operation.security = Some(Vec::new()),
                access => ask(operation, access),
            }
        }
    }
}

fn ask(operation: &mut Operation, access: Access) {
    let role = match (access, access.role()) {
        (_, None) => return,
        (Person, Some(role)) => format!("Needs the role {role}, and a person's token."),
        (Open | Viewer | Operator | Admin, Some(role)) => format!("Needs the role {role}."),
    };
    let before = operation.description.take().filter(|text| !text.is_empty());
    operation.description = Some(before.map_or_else(|| role.clone(), |text| format!("{text}\n\n{role}")));
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, [] as [&str; 0])]);
    for (status, response) in NoCaller::responses().into_iter().chain(Denied::responses()).chain(TooMany::responses()) {
        operation.responses.responses.entry(status).or_insert(response);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}
