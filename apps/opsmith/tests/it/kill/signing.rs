//! Signed commits over a kill: a signature is never the same twice, and the commit is the same all the same.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::signing::{GpgHome, ssh_key, ssh_verifies};

use super::server::Server;
use super::world::World;
use crate::process::PATIENCE;

/// A machine whose commits are signed as `git` says.
fn world(git: &str) -> World {
    let world = World::scripted();
    let file = world.config("a");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}[git]\n{git}\n")).unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_its_commit_a_task_has_one_signed_commit() {
    // ECDSA: two signatures of the same bytes differ.
    let keys = tempfile::tempdir().unwrap();
    let key = ssh_key(keys.path(), "key", "");
    for moment in ["before", "acted", "recorded"] {
        let world = world(&format!("sign = \"ssh\"\nsigning_key = {key:?}"));
        one_signed_commit(&world, &format!("commit 2:{moment}"), |sha| ssh_verifies(world.repo.path(), sha, &key))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gnupg_signs_with_the_key_ring_of_the_user() {
    let world = world(&format!("sign = \"gpg\"\nsigning_key = {:?}", GpgHome::OPEN));
    let Some(ring) = GpgHome::at(&home(&world)) else { return };
    one_signed_commit(&world, "commit 2:acted", |sha| ring.verifies(world.repo.path(), sha)).await;
}

/// The home of the servers of a world.
fn home(world: &World) -> std::path::PathBuf {
    Path::new(world.folder.path()).to_owned()
}

async fn one_signed_commit(world: &World, point: &str, verifies: impl Fn(&str) -> bool) {
    let mut server = world.serve("a", Some(point));
    server.start(world).await;
    assert_eq!(server.died(point).await.signal(), Some(Signal::SIGKILL as i32), "{point}");
    let server = world.serve("a", None);
    let created = server.start(world).await.unwrap();
    let id = created["id"].as_str().unwrap();
    let task = server.end_of(id).await;
    world.assert_done_once(&task, 2, point).await;
    let branch = task["branch"].as_str().unwrap();
    let range = format!("main..{branch}");
    for commit in world.repo.git(&["rev-list", &range]).lines() {
        assert!(verifies(commit), "{point}: {commit}");
    }
    // Each life that came to the commit named the same one.
    let log = reqwest::get(server.url(&format!("/tasks/{id}/logs"))).await.unwrap().text().await.unwrap();
    let mut made: Vec<&str> = log.lines().filter(|line| line.contains("opsmith: committed")).collect();
    made.dedup();
    assert_eq!(made.len(), 2, "{point}: {made:?}");
    let sha = merged(&server, id).await;
    assert_eq!(world.repo.branch_sha("main").as_deref(), Some(sha.as_str()), "{point}");
    assert!(verifies(&sha), "{point}: {sha}");
}

/// Asks for the merge twice, says yes to what the first question was, and merges.
async fn merged(server: &Server, id: &str) -> String {
    let asked = merge(server, id).await;
    assert_eq!(merge(server, id).await["digest"], asked["digest"]);
    let yes = json!({ "decision": "yes", "digest": asked["digest"] });
    let path = format!("/confirmations/{}", asked["confirmation_id"].as_str().unwrap());
    let answered = reqwest::Client::new().post(server.url(&path)).json(&yes).send().await.unwrap();
    assert!(answered.status().is_success(), "{}", answered.text().await.unwrap());
    merge(server, id).await["sha"].as_str().unwrap().to_owned()
}

async fn merge(server: &Server, id: &str) -> Value {
    let request = reqwest::Client::new().post(server.url(&format!("/tasks/{id}/merge"))).json(&json!({}));
    request.timeout(PATIENCE).send().await.unwrap().json().await.unwrap()
}
