use ampx::NewTask;
use ampx::config::Settings;
use ampx::task::{TaskDetail, TaskStatus};
use opsmith_host::config::load;
use testkit::repo::TestRepo;

use super::{Setup, World, ada, folder};

const ADD: &str = "echo 'echo $(($1 + $2))' > sum.sh";

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
    let scratch = super::folder();
    let statuses = ampx::agents::statuses(&world.ampx.settings, world.ampx.sandbox().unwrap(), scratch.path()).await;
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

/// A world with the agents `it` and `other`, and a base branch with that `.opsmith.toml`.
async fn two_agents(file: &str) -> World {
    let other = "[ampx.agents.other]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"echo 'echo 4' > sum.sh\"]\n";
    let setup = Setup { more: other.into(), ..Setup::shell(ADD) };
    let files = [super::WRONG_SUM, &[(".opsmith.toml", file)]].concat();
    World::with(folder(), TestRepo::new(), &files, setup).await
}

async fn done_by(world: &World, agent: Option<&str>) -> TaskDetail {
    let agent = agent.map(str::to_owned);
    let new = NewTask { repo: world.repo.url(), prompt: "Add".into(), agent, ..NewTask::default() };
    let id = world.ampx.create(&new, &ada(), None).await.unwrap().id;
    world.ended(id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_the_tasks_else_the_repositorys_else_the_default_one() {
    let world = two_agents("agent = \"other\"\nagnet = 1\n[policy]\n\"ampx.merge\" = \"allow\"\n").await;
    for (asked, agent, content) in [(None, "other", "echo 4"), (Some("it"), "it", "echo $(($1 + $2))")] {
        let detail = done_by(&world, asked).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
        assert_eq!(
            (detail.task.agent.as_str(), world.repo.read(&detail.task.branch, "sum.sh").as_str()),
            (agent, content)
        );
        let log = world.log(detail.task.id).await;
        assert_eq!(log.contains("agent `other`, as the repository's `.opsmith.toml` says"), asked.is_none(), "{log}");
        assert!(log.contains("`agnet` (did you mean `agent`?), `policy`, which does nothing"), "{log}");
    }
    world.stop().await;
    let world = two_agents("[ci]\ncommand = \"sh test.sh\"\n").await;
    let detail = done_by(&world, None).await;
    assert_eq!(detail.task.agent, "it");
    assert!(!world.log(detail.task.id).await.contains(".opsmith.toml"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_names_no_configured_agent_is_an_error_with_the_names() {
    for (name, hint) in [("othr", "did you mean `other`?"), ("somebody", "configured are `it`, `other`")] {
        let world = two_agents(&format!("agent = \"{name}\"\n")).await;
        let detail = done_by(&world, None).await;
        assert_eq!(detail.task.status, TaskStatus::Error);
        let told = format!("the repository's `.opsmith.toml` names the agent `{name}`, which is not configured here");
        assert!(detail.task.summary.starts_with(&told), "{}", detail.task.summary);
        assert!(detail.task.summary.contains(hint), "{}", detail.task.summary);
        assert_eq!(done_by(&world, Some("it")).await.task.status, TaskStatus::Success, "nobody asks the repository");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_name_the_first_installed_agent_works() {
    let other = "[ampx.agents.other]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"echo 'echo 4' > sum.sh\"]\n";
    let missing = "kind = \"command\"\ncommand = [\"no-such-agent-program\"]\n";
    let setup = Setup { agent: missing.into(), more: other.into(), ci: "sh test.sh".into(), ..Setup::default() };
    let world = World::new(setup).await;
    let detail = done_by(&world, None).await;
    assert_eq!(
        (detail.task.agent.as_str(), detail.task.status),
        ("other", TaskStatus::Success),
        "{}",
        detail.task.summary
    );
    world.stop().await;
}

#[test]
fn amp_is_started_by_its_variable_with_arguments_and_no_shell() {
    let resolved = |line: &str, table: &str| {
        let folder = folder();
        let file = folder.path().join("opsmith.toml");
        std::fs::write(&file, table).unwrap();
        let env = |name: &str| (name == "AMP_COMMAND").then(|| line.to_owned());
        load(crate::CATALOGUE.settings, &[], Some(&file), &env).and_then(|config| Settings::resolve(&config))
    };
    let command = |line: &str, table: &str| resolved(line, table).unwrap().agent("amp").unwrap().command.clone();
    assert_eq!(command("/opt/amp/amp", ""), ["/opt/amp/amp"]);
    assert_eq!(command("'/opt/my amp' --mode \"a b\" ; $(id)", ""), ["/opt/my amp", "--mode", "a b", ";", "$(id)"]);
    assert_eq!(command("", ""), ["amp"], "an empty variable says nothing");
    let table = "[ampx.agents.amp]\nkind = \"amp\"\n";
    assert_eq!(command("/opt/amp", table), ["/opt/amp"]);
    assert_eq!(command("/opt/amp", &format!("{table}command = [\"mine\"]\n")), ["mine"], "its table says more");
    assert_eq!(resolved("/opt/amp", "").unwrap().default_agent(), Some("amp"));
    let error = resolved("'/opt", "").unwrap_err().to_string();
    assert!(error.contains("`ampx.amp_command`") && error.contains("env AMP_COMMAND"), "{error}");
}
