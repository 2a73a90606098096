use std::collections::HashSet;

use ampx::NewTask;
use ampx::db::TaskFilter;
use ampx::task::TaskStatus;
use opsmith_store::Page;
use testkit::repo::TestRepo;

use super::{Setup, World, ada, folder};

/// The size that `make test` can afford.
#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_on_several_repositories_all_end_once_within_their_limits() {
    throng(4, 24).await;
}

/// For `make e2e`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `make e2e` runs it"]
async fn two_hundred_tasks_on_twenty_repositories_all_end_once_within_their_limits() {
    throng(20, 200).await;
}

async fn throng(repositories: usize, tasks: usize) {
    let folder = folder();
    let crowd = super::outside(&folder);
    // Each agent notes how many of its repository are at work with it.
    let agent = format!(
        "r=$(git log --format=%s | tail -n 1); d={}/$r; mkdir -p $d; touch $d/$OPSMITH_TASK_ID; ls $d | wc -l >> {}/$r.most; echo $OPSMITH_TASK_ID > mine; rm $d/$OPSMITH_TASK_ID",
        crowd.display(),
        crowd.display()
    );
    let setup = Setup { ci: "true".into(), ampx: "per_repository = 2".into(), workers: 8, ..Setup::shell(&agent) };
    let world = World::with(folder, TestRepo::new(), &[], setup).await;
    let repos: Vec<TestRepo> = (0..repositories).map(|_| TestRepo::new()).collect();
    for (n, repo) in repos.iter().enumerate() {
        repo.commit("main", &[("a", "1\n")], &format!("repo{n}"));
    }
    let mut ids = Vec::new();
    for n in 0..tasks {
        let repo = repos[n % repositories].url();
        let new = NewTask { repo, prompt: "The same prompt".into(), ..NewTask::default() };
        ids.push(world.ampx.create(&new, &ada(), None).await.unwrap());
    }
    let branches: HashSet<&str> = ids.iter().map(|created| created.branch.as_str()).collect();
    assert_eq!(branches.len(), tasks);
    for created in &ids {
        let detail = world.ended(created.id).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
        assert_eq!(detail.attempts.len(), 1);
    }
    for (n, repo) in repos.iter().enumerate() {
        assert_eq!(repo.branches().len(), 1 + tasks / repositories);
        let most = std::fs::read_to_string(crowd.join(format!("repo{n}.most"))).unwrap();
        let most = most.lines().map(|line| line.trim().parse::<u32>().unwrap()).max().unwrap();
        assert!(most <= 2, "{most} tasks of one repository at once");
    }
    let (_, total) = world.ampx.list(&TaskFilter::default(), Page { limit: 1, offset: 0 }).await.unwrap();
    assert_eq!(total, tasks as u64);
    assert!(world.strays().is_empty());
    world.stop().await;
}
