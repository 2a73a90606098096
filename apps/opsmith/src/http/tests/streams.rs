use std::time::Duration;

use opsmith_guard::tokens::Role;
use opsmith_model::PrincipalKind;
use reqwest::{Method, Response};
use tokio::time::timeout;

use super::desk::Desk;

/// Far longer than a gate looks again.
const PATIENCE: Duration = Duration::from_secs(20);

async fn ends(mut stream: Response) {
    assert_eq!(stream.status(), 200);
    let ended = async { while stream.chunk().await.unwrap().is_some() {} };
    timeout(PATIENCE, ended).await.expect("the stream ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token() {
    let desk = Desk::open().await;
    let (_, other) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let (id, revoked) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let (expired_id, expiring) = desk.token(Role::Viewer, PrincipalKind::User).await;
    let open = async |path: &str, name: &str, value: String| {
        desk.request(Method::GET, path).header(name, value).send().await.unwrap()
    };
    let api = open("/api/v1/events", "authorization", format!("Bearer {revoked}")).await;
    let page = open("/tasks/events?after=0", "cookie", format!("opsmith_token={revoked}")).await;
    let brief = open("/tasks/events?after=0", "cookie", format!("opsmith_token={expiring}")).await;
    let mut lasting = open("/api/v1/events", "authorization", format!("Bearer {other}")).await;
    desk.revoke(id).await;
    desk.expire(expired_id).await;
    for stream in [api, page, brief] {
        ends(stream).await;
    }
    let more = timeout(Duration::from_millis(200), lasting.chunk()).await;
    assert!(more.is_err(), "another's stream goes on");
    let again = open("/tasks/events?after=0", "cookie", format!("opsmith_token={revoked}")).await;
    assert_eq!(again.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_servers_stream_ends_when_it_is_closed() {
    let desk = Desk::open().await;
    let stream = desk.get("/api/v1/events").await;
    desk.token(Role::Viewer, PrincipalKind::User).await;
    ends(stream).await;
}
