//! A task that stopped after its agent had done its part goes on from there.

use ampx::task::{TaskDetail, TaskStatus};

use super::{Setup, World, ada};

/// Each go adds a line, so that what went into the branch tells how often the agent worked.
const ADDS: &str = "echo worked >> goes; echo 'echo $(($1 + $2))' > sum.sh";

/// Has the remote take no push, or take them again.
fn refuse_pushes(world: &World, refuse: bool) {
    let bytes = if refuse { "1" } else { "0" };
    let set = std::process::Command::new("git")
        .args(["config", "receive.maxInputSize", bytes])
        .current_dir(world.repo.path())
        .status();
    assert!(set.unwrap().success());
}

async fn refused_at_the_push() -> (World, TaskDetail) {
    let world = World::new(Setup::shell(ADDS)).await;
    refuse_pushes(&world, true);
    let detail = world.done("Add").await;
    assert_eq!(detail.task.status, TaskStatus::Error, "{}", detail.task.summary);
    assert_eq!(detail.attempts[0].ci_verdict.as_deref(), Some("green"));
    assert_eq!(world.repo.branches(), ["main"]);
    refuse_pushes(&world, false);
    (world, detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_green_commit_that_could_not_be_pushed_is_pushed_without_the_agent() {
    let (world, before) = refused_at_the_push().await;
    world.ampx.continue_task(before.task.id, None, &ada()).await.unwrap();
    let detail = world.ended(before.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(detail.task.summary.ends_with("is open: `sh test.sh` passed"), "{}", detail.task.summary);
    assert_eq!((detail.attempts.len(), detail.task.attempt_count), (1, 1));
    assert_eq!(world.repo.branch_sha(&detail.task.branch), before.task.head_sha);
    let log = world.log(detail.task.id).await;
    assert_eq!(log.matches("opsmith: checking commit").count(), 1, "it was green: {log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_words_are_for_the_agent() {
    let (world, before) = refused_at_the_push().await;
    world.ampx.continue_task(before.task.id, Some("Add once more"), &ada()).await.unwrap();
    let detail = world.ended(before.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!((detail.attempts.len(), detail.attempts[1].prompt.contains("once more")), (2, true));
    assert_ne!(detail.task.head_sha, before.task.head_sha);
    world.stop().await;
}
