use nix::sys::signal::Signal;

use super::world::{World, has_lines};

/// A worker that stands still while another takes over finds its lease gone when it moves again.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_worker_does_nothing_more_once_another_has_taken_over() {
    let Some(world) = World::on_postgres(1).await else { return };
    let (began, go) = (world.outside().join("began"), world.outside().join("go"));
    let agent = format!(
        "echo $$ >> {began}; while ! test -e {go}; do sleep 0.05; done; echo 'echo $(($1 + $2))' > sum.sh",
        began = began.display(),
        go = go.display(),
    );
    for machine in ["a", "b"] {
        world.configure(machine, &World::shell(&agent));
    }
    let paused = world.serve("a", None);
    let created = paused.start(&world).await.unwrap();
    let id = created["id"].as_str().unwrap();
    has_lines(&began, 1).await;
    paused.signal(Signal::SIGSTOP);
    let other = world.serve("b", None);
    has_lines(&began, 2).await;
    std::fs::write(&go, "").unwrap();
    let task = other.end_of(id).await;
    paused.signal(Signal::SIGCONT);
    // It is at work again, and has had its chance to do harm, once it answers.
    let seen = paused.end_of(id).await;
    assert_eq!(seen["status"], "success");
    world.assert_done_once(&task, 1, "paused").await;
}
