use ampx::NewTask;
use ampx::task::TaskStatus;
use opsmith_model::{ErrorKind, Hint};
use testkit::repo::TestRepo;

use super::{Setup, World, ada, folder};

async fn ends(repo: TestRepo, address: &str) -> (TaskStatus, String) {
    let setup = Setup { ci: "true".into(), ..Setup::shell("echo x > x") };
    let world = World::with(folder(), repo, &[], setup).await;
    let new = NewTask { repo: address.to_owned(), prompt: "Anything".into(), ..NewTask::default() };
    let id = world.ampx.create(&new, &ada(), None).await.unwrap().id;
    let detail = world.ended(id).await;
    assert!(world.strays().is_empty());
    world.stop().await;
    (detail.task.status, detail.task.summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_cannot_be_worked_on_are_errors_that_say_why() {
    let (status, summary) = ends(TestRepo::new(), "/no/such/repository").await;
    assert_eq!(status, TaskStatus::Error);
    assert!(summary.contains("/no/such/repository"), "{summary}");
    let empty = TestRepo::new();
    let address = empty.url();
    let (status, summary) = ends(empty, &address).await;
    assert_eq!(status, TaskStatus::Error);
    assert!(summary.contains("no commit"), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_remote_is_worked_on_where_one_branch_is_meant() {
    let repo = TestRepo::new();
    let sha = repo.commit("main", &[("a", "1\n")], "Begin");
    repo.detach_head(&sha);
    let address = repo.url();
    let (status, summary) = ends(repo, &address).await;
    assert_eq!(status, TaskStatus::Success, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_tampers_with_git_reaches_nothing_of_ours() {
    // Its own commit comes first, so that it is not the agent itself that springs the traps.
    let agent = "echo '# mine' >> sum.sh; git -c user.name=a -c user.email=a@b commit -qam mine; t=$PWD/../../canary; mkdir -p .git/hooks; for h in pre-commit post-commit pre-push post-checkout; do \
                 printf '#!/bin/sh\\ntouch %s\\n' \"$t\" > .git/hooks/$h; chmod +x .git/hooks/$h; done; \
                 git config core.fsmonitor \"touch $t\"; git config filter.x.clean \"touch $t; cat\"; \
                 git config core.sshCommand \"touch $t\"; git config diff.x.textconv \"touch $t\"; \
                 echo '* filter=x diff=x' > .gitattributes; echo 'echo $(($1 + $2))' > sum.sh";
    let world = World::new(Setup::shell(agent)).await;
    let detail = world.done("Tamper").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(!world.folder.path().join("data/work/canary").exists());
    assert!(!world.folder.path().join("data/canary").exists());
    assert_eq!(world.repo.log(&detail.task.branch).len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_binary_files_and_large_diffs_arrive_as_they_are() {
    let agent = "printf x > 'two words'; printf y > \"$(printf 'new\\nline')\"; printf z > \"$(printf 'not-utf8-\\377')\"; \
                 head -c 3000000 /dev/urandom > blob; yes line | head -n 400000 > long.txt; echo 'echo 4' > sum.sh";
    let world = World::new(Setup::shell(agent)).await;
    let detail = world.done("Odd names").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    let files = world.repo.git(&["ls-tree", "-r", "-z", "--name-only", &detail.task.branch]);
    assert!(files.contains("two words") && files.contains("new\nline"), "{files:?}");
    let diff = world.ampx.diff(detail.task.id).await.unwrap();
    assert!(diff.len() <= 8 * 1024 * 1024 && String::from_utf8_lossy(&diff).contains("Binary files"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_output_is_cut_and_the_task_goes_on() {
    let world = World::new(Setup::shell("yes flood | head -c 60000000; echo 'echo 4' > sum.sh")).await;
    let detail = world.done("Shout").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(world.log(detail.task.id).await.len() < 6 * 1024 * 1024);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_hides_a_repository_or_writes_too_much_is_told_of() {
    let world = World::new(Setup::shell("mkdir sub && cd sub && git init -q && echo x > x && git add x && git -c user.name=a -c user.email=a@b commit -qm x")).await;
    let detail = world.done("Hide").await;
    assert_eq!(detail.task.status, TaskStatus::Error, "{}", detail.task.summary);
    assert!(detail.task.summary.contains("sub"), "{}", detail.task.summary);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_do_not_hold_are_refused_by_field() {
    let world = World::new(Setup::shell("true")).await;
    let good = NewTask { repo: world.repo.url(), prompt: "p".into(), ..NewTask::default() };
    let bad = [
        ("repo", NewTask { repo: "relative/path".into(), ..good.clone() }),
        ("repo", NewTask { repo: "https://ada:secret-word@example.com/a/b".into(), ..good.clone() }),
        ("prompt", NewTask { prompt: "  \n".into(), ..good.clone() }),
        ("prompt", NewTask { prompt: "x".repeat(50_001), ..good.clone() }),
        ("agent", NewTask { agent: Some("its".into()), ..good.clone() }),
        ("max_attempts", NewTask { max_attempts: Some(0), ..good.clone() }),
        ("budget_usd", NewTask { budget_usd: Some(f64::NAN), ..good.clone() }),
        ("base", NewTask { base: Some("--upload-pack=x".into()), ..good.clone() }),
    ];
    for (field, new) in bad {
        let error = world.ampx.create(&new, &ada(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "so that a command ends with 2");
        assert!(error.to_string().starts_with(&format!("`{field}`")), "{error}");
        assert!(!error.to_string().contains("secret-word"), "{error}");
    }
    world.stop().await;
}
