use std::path::PathBuf;
use std::time::Duration;

use ampx::inputs::{TASK, TaskInput};
use ampx::task::TaskStatus;
use opsmith_model::{Clock, TaskId};
use opsmith_runs::{Halt, Identity, Registry, RunContext, Timing, WorkerOptions};
use opsmith_store::Page;
use sea_orm::{ConnectionTrait as _, Statement};
use testkit::repo::TestRepo;

use super::{Setup, World, ada, folder, statuses};

/// A worker that takes one task at a time and looks after the others each second.
async fn world(agent: &str) -> World {
    let setup = Setup { workers: 1, more: "[worker]\ndead_after_s = 1\n".into(), ..Setup::shell(agent) };
    World::with(folder(), TestRepo::new(), super::WRONG_SUM, setup).await
}

/// The same, where the first task's agent is at work until the file `go` is there.
async fn busy_world() -> (World, TaskId, PathBuf) {
    let folder = folder();
    let go = super::outside(&folder).join("go");
    let agent = format!("while ! test -e {}; do sleep 0.05; done; echo 'echo $(($1 + $2))' > sum.sh", go.display());
    let setup = Setup { workers: 1, more: "[worker]\ndead_after_s = 1\n".into(), ..Setup::shell(&agent) };
    let world = World::with(folder, TestRepo::new(), super::WRONG_SUM, setup).await;
    let id = world.start("Add").await;
    world.until(async || world.ampx.task(id).await.unwrap().summary.contains("is at work")).await;
    eventually(|| work_folder(&world, id).join("tree/sum.sh").exists()).await;
    (world, id, go)
}

fn work_folder(world: &World, id: TaskId) -> PathBuf {
    world.folder.path().join("data/work").join(id.to_string())
}

async fn sql(world: &World, sql: &str, values: [&str; 2]) {
    let write = world.process.store.write().await.unwrap();
    let values = values.map(sea_orm::Value::from);
    let statement = Statement::from_sql_and_values(write.get_database_backend(), sql, values);
    assert_eq!(write.execute_raw(statement).await.unwrap().rows_affected(), 1);
    write.commit().await.unwrap();
}

/// Waits for what no event tells of.
async fn eventually(holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), held).await.expect("it comes to hold");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_run_broke_off_ends_and_can_be_sent_on() {
    let mut world = world("echo 'echo $(($1 + $2))' > sum.sh").await;
    world.rest().await;
    let id = world.start("Add").await;
    let mut registry = Registry::new();
    registry.register(TASK, async |_: RunContext, _: TaskInput| -> Result<(), Halt> { panic!("a fault of ours") });
    let elsewhere = folder();
    let identity = Identity::lock(elsewhere.path(), Some("faulty"), &Clock::system()).unwrap();
    let options = WorkerOptions { concurrency: 1, timing: Timing::default() };
    let faulty = opsmith_runs::Worker::start(world.process.runs.clone(), registry, identity, options).await.unwrap();
    assert_eq!(world.ended(id).await.task.status, TaskStatus::Queued, "the run has ended without its task");
    faulty.shutdown(Duration::from_secs(5)).await;

    world.work().await;
    let task = world.ampx.task(id).await.unwrap();
    assert_eq!(task.status, TaskStatus::Error);
    assert!(task.summary.starts_with("its run broke off: the run's handler panicked"), "{}", task.summary);
    let events = world.ampx.events_after(0, Some(id), 100).await.unwrap();
    assert_eq!(statuses(&events), [TaskStatus::Queued, TaskStatus::Running, TaskStatus::Error], "as the table has it");
    let audit = world.process.guard.audit(Page { limit: 1, offset: 0 }).await.unwrap();
    assert_eq!((audit[0].action.as_str(), audit[0].principal.as_str()), ("ampx.task_failed", "service:opsmith"));

    world.ampx.continue_task(id, None, &ada()).await.unwrap();
    assert_eq!(world.ended(id).await.task.status, TaskStatus::Success);
    world.process.guard.verify().await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_task_whose_run_is_cancelled_is_aborted_while_another_goes_on() {
    let (world, first, go) = busy_world().await;
    let second = world.start("Add again").await;
    let run = world.ampx.task(second).await.unwrap().run_id.unwrap();
    world.process.runs.cancel(run).await.unwrap();
    world.until(async || world.ampx.task(second).await.unwrap().status == TaskStatus::Aborted).await;
    assert_eq!(world.ampx.task(second).await.unwrap().summary, "its run was cancelled");
    let audit = world.process.guard.audit(Page { limit: 1, offset: 0 }).await.unwrap();
    assert_eq!(audit[0].action, "ampx.task_aborted");
    assert_eq!(world.ampx.task(first).await.unwrap().status, TaskStatus::Running);
    std::fs::write(go, "").unwrap();
    assert_eq!(world.ended(first).await.task.status, TaskStatus::Success);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_run_went_to_another_machine_goes_and_those_in_use_stay() {
    let (world, first, go) = busy_world().await;
    let (lost, queued) = (world.start("Lost").await, world.start("Queued").await);
    let run = world.ampx.task(lost).await.unwrap().run_id.unwrap();
    for id in [lost, queued] {
        std::fs::create_dir_all(work_folder(&world, id).join("tree")).unwrap();
    }
    let half_removed = work_folder(&world, lost).with_extension("gone");
    std::fs::create_dir(&half_removed).unwrap();
    let taken = "UPDATE runs SET state = 'running', epoch = 1, worker_id = ? WHERE id = ?";
    sql(&world, taken, ["other-elsewhere-0", &run.to_string()]).await;
    let swept = world.folder.path().join("data/work/swept");
    let lost = work_folder(&world, lost);
    eventually(|| !lost.exists() && !half_removed.exists() && !swept.exists()).await;
    assert!(work_folder(&world, queued).exists(), "it may come to this machine");
    assert!(work_folder(&world, first).join("tree/sum.sh").exists(), "its agent is at work");
    std::fs::write(go, "").unwrap();
    assert_eq!(world.ended(first).await.task.status, TaskStatus::Success);
    world.stop().await;
}
