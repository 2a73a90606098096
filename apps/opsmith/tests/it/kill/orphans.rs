use std::time::Instant;

use nix::sys::signal::Signal;

use super::world::{POLL, World, processes_of};
use crate::process::PATIENCE;

/// The agent and the daemon it left are ended by the next life of the server, before its tree is touched again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_running_is_ended_by_the_next() {
    let world = World::on_sqlite();
    let began = world.outside().join("began");
    let agent = format!(
        "echo $$ >> {began}; test $(wc -l < {began}) = 1 && {{ (setsid sleep 1000 &); sleep 1000; }}; \
         echo 'echo $(($1 + $2))' > sum.sh",
        began = began.display()
    );
    world.configure("a", &World::shell(&agent));
    let mut server = world.serve("a", None);
    let created = server.start(&world).await.unwrap();
    let id = created["id"].as_str().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while processes_of(id).len() < 2 {
        assert!(Instant::now() < deadline, "the agent never began");
        tokio::time::sleep(POLL).await;
    }
    server.signal(Signal::SIGKILL);
    server.died("SIGKILL").await;
    let server = world.serve("a", None);
    let task = server.end_of(id).await;
    world.assert_done_once(&task, 1, "orphans").await;
    assert!(world.strays("a").is_empty());
}
