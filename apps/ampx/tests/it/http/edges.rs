use ampx::http::router;
use reqwest::Method;
use serde_json::{Value, json};

use super::desk::{Desk, Server, problem};

/// The method, path and body (by an example that holds) of every route in the OpenAPI document.
fn routes() -> Vec<(Method, String, Option<Value>)> {
    let document = serde_json::to_value(ampx::http::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
            let body = schema.map(|schema| match schema.rsplit('/').next().unwrap() {
                "NewTask" => json!({ "repo": "https://example.com/a/b", "prompt": "Do it" }),
                "TaskAction" => json!({ "action": "abort" }),
                "MergeWish" => json!({}),
                other => panic!("no example of a {other}"),
            });
            routes.push((method.to_uppercase().parse().unwrap(), path.clone(), body));
        }
    }
    routes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_about_a_task_says_that_there_is_none() {
    let desk = Desk::open().await;
    let about_one: Vec<_> = routes().into_iter().filter(|(_, path, _)| path.contains("{id}")).collect();
    assert_eq!(about_one.len(), 5);
    for (method, path, body) in about_one {
        for id in ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "zzzz"] {
            let request = desk.server.request(method.clone(), &path.replace("{id}", id));
            let request = body.iter().fold(request, |request, body| request.json(body));
            let problem = problem(request.send().await.unwrap()).await;
            assert_eq!((problem.status, problem.error.as_str()), (404, "not_found"), "{method} {path}");
        }
    }
    for query in ["events?task=7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "tasks/7ZZZZZZZZZZZZZZZZZZZZZZZZZ/logs?follow=true"] {
        assert_eq!(problem(desk.server.get(&format!("/api/v1/{query}")).send().await.unwrap()).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_known_changes_nothing() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let server = Server::start(router(desk.ampx.clone())).await;
    for (method, path, body) in routes() {
        // Who sends a webhook is known by its signature.
        if method == Method::GET || path.starts_with("/webhooks/") {
            continue;
        }
        let request = server.request(method.clone(), &path.replace("{id}", &id));
        let answer = body.iter().fold(request, |request, body| request.json(body)).send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer", "{method} {path}");
        assert_eq!(problem(answer).await.error, "unauthenticated", "{method} {path}");
    }
    let list = desk.server.json("/api/v1/tasks").await;
    assert_eq!((&list["total"], &list["tasks"][0]["status"]), (&json!(1), &json!("queued")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_what_it_does_not_take_are_problems() {
    let desk = Desk::open().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/api/v1/tasks/", 404),
        (Method::GET, "/api/v2/tasks", 404),
        (Method::GET, "/api/v1/tasks/%FF", 400),
        (Method::DELETE, "/api/v1/tasks", 405),
        (Method::POST, "/api/v1/tasks/active", 405),
        (Method::GET, "/api/v1/tasks/x/merge", 405),
        (Method::POST, "/api/v1/events", 405),
    ] {
        let answer = desk.server.request(method.clone(), path).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.headers().contains_key("allow"), status == 405, "{method} {path}");
        problem(answer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_its_name() {
    let desk = Desk::open().await;
    for path in ["/api/v1/ping", "/api/v1/tasks/zzzz", "/api/v1/nothing"] {
        let answer = desk.server.get(path).header("x-request-id", "trace-7").send().await.unwrap();
        assert_eq!(answer.headers()["x-request-id"], "trace-7", "{path}");
        if !answer.status().is_success() {
            assert_eq!(problem(answer).await.request_id.as_deref(), Some("trace-7"));
        }
    }
    let pong = desk.server.json("/api/v1/ping").await;
    assert_eq!(pong["pong"], true);
    assert!(pong["version"].is_string());
}

#[test]
fn the_document_tells_every_schema_it_names() {
    let text = ampx::http::openapi().to_json().unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut names = 0;
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        names += 1;
    }
    assert!(names > 10);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(path.ends_with("/ping") || responses.contains_key("500"), "{method} {path}");
            assert!(!path.contains("{id}") || responses.contains_key("404"), "{method} {path}");
            assert_eq!(responses.contains_key("413"), operation.get("requestBody").is_some(), "{method} {path}");
            assert_eq!(responses.contains_key("401"), method != "get", "{method} {path}");
        }
    }
}
