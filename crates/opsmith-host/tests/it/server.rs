use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use opsmith_host::http::{BindError, ServeError, ServeOptions, bind, is_loopback, request_id, serve};
use opsmith_model::{ErrorKind, Hint as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::{Server, problem};

fn router() -> Router {
    Router::new()
        .route("/id", get(async || request_id().unwrap_or_default()))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
        .route("/write", post(async || "written").patch(async || "written").delete(async || "written"))
        .route("/never", get(async || std::future::pending::<String>().await))
}

#[tokio::test]
async fn a_request_has_one_name_from_end_to_end() {
    let server = Server::start(router(), ServeOptions::default()).await;
    for (sent, kept) in
        [(Some("trace-1.a_B"), true), (Some("a b"), false), (Some(&*"x".repeat(65)), false), (None, false)]
    {
        let request = server.get("/id");
        let request = match sent {
            Some(id) => request.header("x-request-id", id),
            None => request,
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let header = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(answer.text().await.unwrap(), header, "the handler sees the same id");
        assert_eq!(Some(header.as_str()) == sent, kept, "{sent:?}");
    }
    assert_eq!(server.get("/peer").send().await.unwrap().text().await.unwrap(), "127.0.0.1");
}

#[tokio::test]
async fn a_rebound_name_gets_nothing() {
    let options = ServeOptions { allowed_hosts: vec!["ops.example".into()], ..ServeOptions::default() };
    let server = Server::start(router(), options).await;
    for (host, status) in [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 200),
        ("[::1]:9", 200),
        ("ops.example", 200),
        ("evil.example:8080", 403),
        ("localhost.evil.example", 403),
        ("localhost:80.evil.example", 403),
        ("", 403),
    ] {
        let answer = server.raw(&format!("GET /id HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
    let answer =
        server.raw("GET http://evil.example/id HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn another_sites_page_may_not_write_and_everyone_else_may() {
    let options = ServeOptions { cors_origins: vec!["https://page.example/".into()], ..ServeOptions::default() };
    let server = Server::start(router(), options).await;
    let own = format!("http://{}", server.address);
    for (headers, status) in [
        (vec![], 200),
        (vec![("sec-fetch-site", "same-origin"), ("origin", own.as_str())], 200),
        (vec![("origin", own.as_str())], 200),
        (vec![("sec-fetch-site", "none")], 200),
        (vec![("sec-fetch-site", "cross-site"), ("origin", "https://page.example")], 200),
        (vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")], 403),
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
    ] {
        for method in ["POST", "PATCH", "DELETE"] {
            let url = format!("http://{}/write", server.address);
            let mut request = server.client.request(method.parse().unwrap(), url);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status, "{method} {headers:?}");
            if status == 403 {
                assert_eq!(problem(answer).await.kind(), ErrorKind::Denied);
            }
        }
    }
}

#[tokio::test]
async fn only_configured_origins_may_read() {
    let closed = Server::start(router(), ServeOptions::default()).await;
    let answer = closed.get("/id").header("origin", "https://page.example").send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));

    let options = ServeOptions { cors_origins: vec!["https://page.example".into()], ..ServeOptions::default() };
    let open = Server::start(router(), options).await;
    for (origin, allowed) in [("https://page.example", true), ("https://evil.example", false)] {
        let answer = open.get("/nowhere").header("origin", origin).send().await.unwrap();
        let said = answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(said.as_deref(), allowed.then_some(origin));
        assert_eq!(problem(answer).await.status, 404, "an error can be read by the page too");
    }

    let options = ServeOptions { cors_origins: vec!["page.example".into()], ..ServeOptions::default() };
    let listener = bind("127.0.0.1:0").await.unwrap();
    let error = serve(listener, router(), &options, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(&error, ServeError::Origin { origin } if origin == "page.example"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let options = ServeOptions { request_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let server = Server::start(router(), options).await;
    let body = problem(server.get("/never").send().await.unwrap()).await;
    assert_eq!(body.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn shutdown_lets_a_request_end_and_takes_no_new_one() {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun, wait) = (started.clone(), go.clone());
    let handler = get(async move || {
        begun.notify_one();
        wait.notified().await;
        "done"
    });
    let server = Server::start(Router::new().route("/slow", handler), ServeOptions::default()).await;
    let request = tokio::spawn(server.get("/slow").send());
    started.notified().await;
    server.shutdown.cancel();
    while tokio::net::TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.ended.is_finished());
    go.notify_one();
    assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "done");
    server.ended.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_cuts_what_does_not_end() {
    let started = Arc::new(Notify::new());
    let begun = started.clone();
    let handler = get(async move || {
        begun.notify_one();
        std::future::pending::<String>().await
    });
    let options = ServeOptions { drain_timeout: Duration::from_millis(50), ..ServeOptions::default() };
    let server = Server::start(Router::new().route("/stuck", handler), options).await;
    let request = tokio::spawn(server.get("/stuck").send());
    started.notified().await;
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn an_address_that_cannot_be_had_says_why() {
    let first = bind("localhost:0").await.unwrap();
    let address = first.local_addr().unwrap();
    assert!(is_loopback(&address) && address.is_ipv4());
    assert!(!is_loopback(&"0.0.0.0:80".parse().unwrap()));
    let error = bind(&address.to_string()).await.unwrap_err();
    assert!(matches!(error, BindError::Taken { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("`{address}`")) && error.hint().unwrap().contains("--address"));
    for wrong in ["8080", "127.0.0.1", "127.0.0.1:99999", ""] {
        assert_eq!(bind(wrong).await.unwrap_err().kind(), ErrorKind::Usage, "{wrong}");
    }
}
