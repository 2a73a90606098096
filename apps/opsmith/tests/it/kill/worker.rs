use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::server::Server;
use super::world::{World, has_lines};

const MEND: &str = "echo 'echo $(($1 + $2))' > sum.sh";

/// What comes in over HTTP is done by a worker that has none: the server's own place is taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_does_what_the_server_takes_in() {
    let Some(world) = World::on_postgres(1).await else { return };
    let (server, id) = busy_server(&world).await;
    world.configure("b", &World::shell(&format!("echo done by the worker; {MEND}")));
    let worker = world.work("b");
    assert!(worker.name().starts_with("b-"), "{}", worker.name());
    let task = server.end_of(&id).await;
    world.assert_done_once(&task, 1, "a worker").await;
    let log = reqwest::get(server.url(&format!("/tasks/{id}/logs"))).await.unwrap().text().await.unwrap();
    assert!(log.contains("done by the worker"), "{log}");
    assert_eq!(worker.stop(), Some(0));
    assert!(world.strays("b").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_at_work_is_followed_by_another() {
    followed_by_another(1).await;
}

/// The same by the usual settings.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the usual patience with silent workers is 10 s"]
async fn a_worker_killed_at_work_is_followed_by_another_within_15_s() {
    followed_by_another(10).await;
}

async fn followed_by_another(dead_after_s: u32) {
    let Some(world) = World::on_postgres(dead_after_s).await else { return };
    let (server, id) = busy_server(&world).await;
    let began = world.outside().join("began");
    world.configure("b", &World::shell(&format!("echo b >> {}; exec sleep 1000", began.display())));
    let mut first = world.work("b");
    has_lines(&began, 1).await;
    world.configure("c", &World::shell(&format!("echo c >> {}; {MEND}", began.display())));
    let _second = world.work("c");
    first.signal(Signal::SIGKILL);
    let killed = Instant::now();
    first.died("SIGKILL").await;
    has_lines(&began, 2).await;
    assert!(killed.elapsed() < Duration::from_secs(15), "{:?}", killed.elapsed());
    let task = server.end_of(&id).await;
    world.assert_done_once(&task, 1, "followed by another").await;
    assert_eq!(std::fs::read_to_string(&began).unwrap(), "b\nc\n");
    assert!(world.strays("c").is_empty());
}

/// A server whose one place is taken for good, and a task that it took in after that.
async fn busy_server(world: &World) -> (Server, String) {
    let taken = world.outside().join("taken");
    world.configure("a", &World::shell(&format!("echo a >> {}; exec sleep 1000", taken.display())));
    let server = world.serve_one_at_a_time("a");
    server.start_as(world, "endless").await.unwrap();
    has_lines(&taken, 1).await;
    let task = server.start(world).await.unwrap();
    (server, task["id"].as_str().unwrap().to_owned())
}
