use std::process::Stdio;

use serde_json::Value;

use super::world::World;

/// Two `start --wait` on one SQLite file: each works its own task to the end and leaves the other's alone.
#[tokio::test(flavor = "multi_thread")]
async fn two_waiting_starts_on_one_file_leave_each_others_runs_alone() {
    let world = World::on_sqlite();
    let began = world.folder.path().join("began");
    // Each agent waits until both have begun, so both processes are alive at once.
    let agent = format!(
        "echo $OPSMITH_TASK_ID >> {began}; while test $(sort -u {began} | wc -l) -lt 2; do sleep 0.05; done; \
         sleep 1.5; echo 'echo $(($1 + $2))' > sum.sh",
        began = began.display()
    );
    world.configure("a", &World::shell(&agent));
    let start = || {
        let url = world.repo.url();
        let mut command = world.command("a", &["ampx", "start", "--wait", "-o", "json", &url, "Make the sum right"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let (one, two) = (start(), start());
    let wait = |child: std::process::Child| tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    for output in [wait(one).await.unwrap(), wait(two).await.unwrap()] {
        let task: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!((output.status.code(), task["status"].as_str()), (Some(0), Some("success")), "{task:#}");
        assert_eq!(task["attempt_count"], 1);
    }
    let agents = std::fs::read_to_string(&began).unwrap();
    assert_eq!(agents.lines().count(), 2, "an agent ran twice: {agents}");
    assert_eq!(world.repo.branches().len(), 3);
}
