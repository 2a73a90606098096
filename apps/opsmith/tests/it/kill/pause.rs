use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use testkit::Postgres;

use super::{PATIENCE, World};

/// A worker that stands still while another takes over finds its lease gone when it moves again.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_worker_does_nothing_more_once_another_has_taken_over() {
    let Some(postgres) = tokio::task::spawn_blocking(Postgres::shared).await.unwrap() else { return };
    let world = World::new(Some(postgres.create_database().await));
    let (began, go) = (world.folder.path().join("began"), world.folder.path().join("go"));
    let agent = format!(
        "echo $$ >> {began}; while ! test -e {go}; do sleep 0.05; done; echo 'echo $(($1 + $2))' > sum.sh",
        began = began.display(),
        go = go.display(),
    );
    for machine in ["a", "b"] {
        world.configure(
            machine,
            &format!("kind = \"command\"\ncommand = [\"sh\", \"-c\", {:?}]", agent.replace("${", "$${")),
        );
    }
    let paused = world.serve("a", None);
    let created = paused.start(&world).await.unwrap();
    let id = created["id"].as_str().unwrap();
    began_times(&began, 1).await;
    paused.signal(Signal::SIGSTOP);
    let other = world.serve("b", None);
    began_times(&began, 2).await;
    std::fs::write(&go, "").unwrap();
    let task = other.end_of(id).await;
    paused.signal(Signal::SIGCONT);
    // It is at work again, and has had its chance to do harm, once it answers.
    let seen = paused.end_of(id).await;
    assert_eq!(seen["status"], "success");
    world.assert_done_once(&task, 1, "paused").await;
    assert_eq!(world.count("SELECT COUNT(*) FROM guard_audit WHERE action = 'ampx.push'").await, 1);
}

async fn began_times(file: &std::path::Path, times: usize) {
    let deadline = Instant::now() + PATIENCE;
    while std::fs::read_to_string(file).unwrap_or_default().lines().count() < times {
        assert!(Instant::now() < deadline, "the agent did not begin {times} times");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
