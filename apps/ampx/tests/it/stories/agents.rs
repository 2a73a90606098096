use ampx::task::TaskStatus;

use super::{Setup, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_gets_its_prompt_its_number_and_on_a_retry_the_log() {
    let agent = "cat > asked.$OPSMITH_ATTEMPT; echo $OPSMITH_TASK_ID > id; cp \"${OPSMITH_CI_LOG:-/dev/null}\" log.$OPSMITH_ATTEMPT; \
                 test $OPSMITH_ATTEMPT = 2 && echo 'echo $(($1 + $2))' > sum.sh; exit 7";
    let world = World::new(Setup::shell(agent)).await;
    let detail = world.done("Add, please").await;
    let branch = &detail.task.branch;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(world.repo.read(branch, "asked.1"), "Add, please");
    assert!(world.repo.read(branch, "asked.2").contains("2 + 2 is not 5"));
    assert!(world.repo.read(branch, "log.2").contains("2 + 2 is not 5"));
    assert_eq!(world.repo.read(branch, "log.1"), "");
    assert_eq!(world.repo.read(branch, "id").trim(), detail.task.id.to_string());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_none_of_our_credentials() {
    let mut setup = Setup::shell("env > seen; echo 'echo 4' > sum.sh");
    setup.ci = "true".into();
    let world = World::new(setup).await;
    let detail = world.done("Look around").await;
    let seen = world.repo.read(&detail.task.branch, "seen");
    let names: Vec<&str> = seen.lines().filter_map(|line| line.split('=').next()).collect();
    for name in ["SSH_AUTH_SOCK", "DATABASE_URL", "GITHUB_TOKEN", "CARGO_HOME", "OPSMITH_DATA_DIR"] {
        assert!(!names.contains(&name), "{name} is in {names:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_an_error_with_its_name() {
    let setup =
        Setup { agent: "kind = \"command\"\ncommand = [\"no-such-agent-program\"]\n".into(), ..Setup::default() };
    let world = World::new(setup).await;
    let detail = world.done("Anything").await;
    assert_eq!(detail.task.status, TaskStatus::Error);
    assert!(detail.task.summary.contains("no-such-agent-program"), "{}", detail.task.summary);
    let statuses = ampx::agents::statuses(&world.ampx.settings);
    assert!(!statuses[0].ready && statuses[0].reason.is_some());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_never_ends_is_stopped_in_time_and_what_it_did_counts() {
    let mut setup = Setup::shell("echo 'echo $(($1 + $2))' > sum.sh; trap '' TERM; while true; do sleep 1; done");
    setup.ampx = "agent_timeout_s = 1".into();
    let world = World::new(setup).await;
    let detail = world.done("Never end").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(world.log(detail.task.id).await.contains("was stopped after"));
    world.stop().await;
}
