use opsmith_guard::tokens::Role;
use opsmith_model::PrincipalKind;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::desk::{Desk, problem};

const PATH: &str = "/api/v1/tokens";

async fn send(desk: &Desk, method: Method, path: &str, token: &str, body: Option<&Value>) -> Response {
    let request = desk.request(method, path).bearer_auth(token);
    body.iter().fold(request, |request, body| request.json(body)).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_makes_lists_and_revokes_tokens() {
    let desk = Desk::open().await;
    let (_, admin) = desk.token(Role::Admin, PrincipalKind::User).await;
    let wish = json!({ "name": "bot", "kind": "agent", "role": "viewer", "expires": "12h" });
    let made = send(&desk, Method::POST, PATH, &admin, Some(&wish)).await;
    assert_eq!((made.status().as_u16(), &made.headers()["cache-control"]), (201, &"no-store".parse().unwrap()));
    let location = made.headers()["location"].to_str().unwrap().to_owned();
    let made: Value = made.json().await.unwrap();
    let text = made["token"].as_str().unwrap();
    assert_eq!((&made["about"]["name"], &made["about"]["created_by"]["name"]), (&json!("bot"), &json!("a-admin")));
    assert_eq!(send(&desk, Method::GET, "/api/v1/tasks", text, None).await.status(), 200);

    let listed = send(&desk, Method::GET, PATH, &admin, None).await.text().await.unwrap();
    assert!(!listed.contains(text.rsplit('_').next().unwrap()) && !listed.contains("hash"), "{listed}");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed["total"], &listed["tokens"][0]["id"]), (&json!(2), &made["about"]["id"]));

    let gone: Value = send(&desk, Method::DELETE, &location, &admin, None).await.json().await.unwrap();
    assert!(gone["revoked_at"].is_string(), "{gone}");
    assert_eq!(
        problem(send(&desk, Method::GET, "/api/v1/tasks", text, None).await).await.message,
        "the token was revoked"
    );
    assert_eq!(problem(send(&desk, Method::DELETE, &location, &admin, None).await).await.status, 409);
    for (body, field) in [
        (json!({ "name": "a b" }), "name"),
        (json!({ "role": "admin" }), "name"),
        (json!({ "name": "a", "role": "root" }), "role"),
        (json!({ "name": "a", "kind": "robot" }), "kind"),
        (json!({ "name": "a", "expires": "1y" }), "expires"),
        (json!({ "name": "a", "scope": "all" }), "scope"),
    ] {
        let refused = problem(send(&desk, Method::POST, PATH, &admin, Some(&body)).await).await;
        let fields: Vec<&str> = refused.fields.keys().map(String::as_str).collect();
        assert_eq!((refused.status, fields), (400, vec![field]), "{}", refused.message);
    }
    let actions = send(&desk, Method::GET, "/api/v1/audit", &admin, None).await.text().await.unwrap();
    assert!(actions.contains("token.created") && actions.contains("token.revoked") && !actions.contains(text));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_server_makes_no_token() {
    let desk = Desk::open().await;
    let refused = problem(desk.post(PATH, &json!({ "name": "eve", "role": "admin" })).await).await;
    assert_eq!(refused.status, 403);
    assert!(refused.hint.unwrap().contains("opsmith token create"));
    assert_eq!(desk.json(PATH).await["total"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_with_a_token_is_done_by_its_principal_and_an_agent_answers_nothing() {
    let desk = Desk::open().await;
    let (_, bot) = desk.token(Role::Admin, PrincipalKind::Agent).await;
    let body = json!({ "repo": "https://example.com/a/b", "prompt": "Do it" });
    let made: Value = send(&desk, Method::POST, "/api/v1/tasks", &bot, Some(&body)).await.json().await.unwrap();
    let path = format!("/api/v1/tasks/{}", made["id"].as_str().unwrap());
    let task: Value = send(&desk, Method::GET, &path, &bot, None).await.json().await.unwrap();
    assert_eq!(task["created_by"], json!({ "kind": "agent", "name": "a-admin" }));
    let accept = json!({ "action": "accept" });
    assert_eq!(problem(send(&desk, Method::PATCH, &path, &bot, Some(&accept)).await).await.status, 403);
}
