use serde_json::{Value, json};

use super::server::Server;
use super::world::World;
use crate::process::PATIENCE;

/// Merging, killed at every step: one merge commit, and the branch gone.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_a_merge_it_is_merged_once_after_a_restart() {
    for step in ["merge", "delete branch"] {
        for moment in ["before", "acted", "recorded"] {
            killed_at(&format!("{step}:{moment}")).await;
        }
    }
}

async fn killed_at(point: &str) {
    let world = World::scripted();
    let mut server = world.serve("a", Some(point));
    let created = server.start(&world).await.unwrap();
    let id = created["id"].as_str().unwrap().to_owned();
    assert_eq!(server.end_of(&id).await["status"], "success");
    let asked = merge(&server, &id).await.unwrap();
    assert_eq!(asked["error"], "confirmation_required", "{asked:#}");
    let yes = json!({ "decision": "yes", "digest": asked["digest"] });
    let confirmation = asked["confirmation_id"].as_str().unwrap();
    let path = format!("/confirmations/{confirmation}");
    let answered = reqwest::Client::new().post(server.url(&path)).json(&yes).send().await.unwrap();
    assert!(answered.status().is_success(), "{}", answered.text().await.unwrap());
    assert_eq!(merge(&server, &id).await, None, "{point}");
    server.died(point).await;
    let server = world.serve("a", None);
    let merged = merge(&server, &id).await.unwrap();
    assert_eq!(merged["sha"].as_str(), world.repo.branch_sha("main").as_deref(), "{point}: {merged:#}");
    assert_eq!(world.repo.log("main").len(), 2, "{point}");
    let merges = "SELECT COUNT(*) FROM guard_audit WHERE action = 'ampx.merge'";
    assert_eq!(world.count(merges).await, 1, "{point}");
    let run = "SELECT COUNT(*) FROM runs WHERE kind = 'ampx.merge' AND state = 'succeeded'";
    while world.count(run).await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.repo.branches(), ["main"], "{point}");
}

async fn merge(server: &Server, id: &str) -> Option<Value> {
    let body = json!({ "method": "squash", "delete_branch": true });
    let request = reqwest::Client::new().post(server.url(&format!("/tasks/{id}/merge"))).json(&body);
    request.timeout(PATIENCE).send().await.ok()?.json().await.ok()
}
