use ampx::task::TaskStatus;

use super::{Setup, World, ada, folder, statuses};

const RIGHT: &str =
    "[[attempt]]\nsay = \"right\"\n[[attempt.edit]]\npath = \"sum.sh\"\ncontent = \"echo $(($1 + $2))\\n\"\n";
const WRONG_THEN_RIGHT: &str = r#"
[[attempt]]
say = "I try six."
[[attempt.edit]]
path = "sum.sh"
content = "echo 6\n"
[[attempt]]
say = "I add."
[[attempt.edit]]
path = "sum.sh"
content = "echo $(($1 + $2))\n"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn red_then_green_opens_one_pull_request() {
    let world = World::scripted(WRONG_THEN_RIGHT).await;
    let detail = world.done("Make the sum right").await;
    let task = &detail.task;
    assert_eq!(task.status, TaskStatus::Success, "{}\n{}", task.summary, world.log(task.id).await);
    assert!(task.branch.starts_with("amp/make-the-sum-right-"), "{}", task.branch);
    let verdicts: Vec<_> = detail.attempts.iter().map(|attempt| attempt.ci_verdict.as_deref().unwrap()).collect();
    assert_eq!(verdicts, ["red", "green"]);
    assert!(detail.attempts[0].log_excerpt.as_deref().unwrap().contains("2 + 2 is not 6"));
    assert!(detail.attempts[1].prompt.contains("2 + 2 is not 6"), "{}", detail.attempts[1].prompt);
    assert_eq!(detail.attempts[0].usage.cost_usd, None);
    assert_eq!(world.repo.branch_sha(&task.branch), task.head_sha);
    let pushed: Vec<_> = detail.attempts.iter().map(|attempt| attempt.pushed).collect();
    assert_eq!((pushed.as_slice(), detail.pushes_saved), (&[Some(false), Some(true)][..], 1));
    assert_eq!(task.pr_url.as_deref(), Some("opsmith:///pull-requests/1"));
    let events = world.ampx.events_after(0, Some(task.id), 1000).await.unwrap();
    use TaskStatus::{Queued, Retrying, Running, Success};
    assert_eq!(statuses(&events), [Queued, Running, Retrying, Running, Success]);
    let waits = events.iter().filter_map(|event| match &event.kind {
        ampx::EventKind::Status { status: Retrying, summary } => Some(summary.as_str()),
        ampx::EventKind::Status { .. } | ampx::EventKind::Log { .. } => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), ["attempt 2 begins now"]);
    assert!(world.strays().is_empty(), "{:?}", world.strays());
    let diff = String::from_utf8(world.ampx.diff(task.id).await.unwrap()).unwrap();
    assert!(diff.contains("-echo 5\n+echo $(($1 + $2))"), "{diff}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_attempt_is_checked_here_and_never_pushed() {
    let world = World::scripted("[[attempt]]\n[[attempt.edit]]\npath = \"sum.sh\"\ncontent = \"echo 6\\n\"\n").await;
    let detail = world.done("Make the sum right").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert_eq!(detail.task.summary, "the agent changed nothing, twice");
    assert_eq!(world.repo.branches(), ["main"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_local_first_the_push_comes_before_the_check() {
    let folder = folder();
    let wrong = "[[attempt]]\n[[attempt.edit]]\npath = \"sum.sh\"\ncontent = \"echo 6\\n\"\n";
    let setup = Setup { ci_keys: "local_first = false\n".into(), ..Setup::script(folder.path(), wrong) };
    let world = World::with(folder, testkit::repo::TestRepo::new(), super::WRONG_SUM, setup).await;
    let detail = world.done("Make the sum right").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert_eq!(world.repo.branch_sha(&detail.task.branch), detail.task.head_sha);
    assert_eq!((detail.attempts[0].ci_verdict.as_deref(), detail.attempts[0].pushed), (Some("red"), Some(true)));
    assert_eq!(detail.pushes_saved, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_failure_twice_running_stops_for_a_person() {
    let world = World::new(Setup::shell("echo \"# try $OPSMITH_ATTEMPT\" >> notes.txt")).await;
    let detail = world.done("Write notes").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(detail.task.summary.starts_with("the same failure twice running"), "{}", detail.task.summary);
    assert_eq!(detail.task.attempt_count, 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_spent_say_so_and_how_the_base_does() {
    let agent = "echo \"echo $OPSMITH_ATTEMPT$OPSMITH_ATTEMPT$OPSMITH_ATTEMPT is wrong\" > sum.sh";
    let setup = Setup { ci: "sh sum.sh; exit 1".into(), ..Setup::shell(agent) };
    let world = World::new(setup).await;
    let detail = world.done("Try").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    assert_eq!(detail.task.attempt_count, 3, "{}", detail.task.summary);
    assert!(detail.task.summary.starts_with("max retries hit"), "{}", detail.task.summary);
    assert!(detail.task.summary.contains("The base branch fails this check too"), "{}", detail.task.summary);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sends_a_stopped_task_on_from_its_last_commit() {
    let agent = "grep -q really && echo 'echo $(($1 + $2))' > sum.sh || echo '# hm' >> sum.sh";
    let world = World::new(Setup::shell(agent)).await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    let before = detail.task.attempt_count;
    world.ampx.continue_task(detail.task.id, Some("Now really mend the sum"), &ada()).await.unwrap();
    let detail = world.ended(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(detail.task.attempt_count, before + 1);
    assert_eq!(world.repo.log(&detail.task.branch).len(), 1 + before as usize + 1);
    assert!(world.ampx.continue_task(detail.task.id, None, &ada()).await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ci_a_person_looks_and_may_accept() {
    let folder = folder();
    let setup = Setup { ci: String::new(), ..Setup::script(folder.path(), RIGHT) };
    let world = World::with(folder, testkit::repo::TestRepo::new(), super::WRONG_SUM, setup).await;
    let detail = world.done("Make the sum right").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(detail.task.summary.contains("no command is configured"), "{}", detail.task.summary);
    assert_eq!(world.repo.branches(), ["main"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_lacks_a_tool_is_not_a_red_attempt() {
    let folder = folder();
    let setup = Setup { ci: "no-such-tool-at-all --check".into(), ..Setup::script(folder.path(), RIGHT) };
    let world = World::with(folder, testkit::repo::TestRepo::new(), super::WRONG_SUM, setup).await;
    let detail = world.done("Make the sum right").await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(detail.task.summary.starts_with("CI cannot run here"), "{}", detail.task.summary);
    assert_eq!(detail.task.attempt_count, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repositorys_own_ci_command_counts_from_its_base_branch_only() {
    let folder = folder();
    let files = [("sum.sh", "echo 5\n"), (".opsmith.toml", "[ci]\ncommand = \"grep -q 7 sum.sh\"\n")];
    let script = "[[attempt]]\n[[attempt.edit]]\npath = \"sum.sh\"\ncontent = \"echo 7\\n\"\n[[attempt.edit]]\npath = \".opsmith.toml\"\ncontent = \"[ci]\\ncommand = \\\"false\\\"\\n\"\n";
    let more = "[policy]\n\"ampx.test_edits\" = \"allow\"\n".into();
    let setup = Setup { ci: "false".into(), more, ..Setup::script(folder.path(), script) };
    let world = World::with(folder, testkit::repo::TestRepo::new(), &files, setup).await;
    let detail = world.done("Say seven").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_ends_the_agent_and_removes_its_folder() {
    let world = World::new(Setup::shell("echo ready; (setsid sleep 1000 &); sleep 1000")).await;
    let id = world.start("Sleep").await;
    let mut appended = world.ampx.appended();
    while !world.log(id).await.contains("ready") {
        tokio::time::timeout(std::time::Duration::from_secs(30), appended.changed()).await.unwrap().unwrap();
    }
    let asked = std::time::Instant::now();
    world.ampx.abort(id, &ada()).await.unwrap();
    let detail = world.ended(id).await;
    assert!(asked.elapsed() < std::time::Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!((detail.task.status, detail.task.summary.as_str()), (TaskStatus::Aborted, "aborted by user:ada"));
    assert!(world.strays().is_empty());
    assert!(world.ampx.abort(id, &ada()).await.is_err());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_broken_off_says_that_it_starts_again() {
    let folder = folder();
    let outside = super::outside(&folder);
    let (edited, checked) = (outside.join("edited"), outside.join("checked"));
    let wait = |what: &str, file: &std::path::Path| {
        format!("echo {what} begins; while ! test -e {}; do sleep 0.05; done", file.display())
    };
    let agent = format!("{}; echo 'echo $(($1 + $2))' > sum.sh", wait("editing", &edited));
    let setup = Setup { ci: format!("{}; sh test.sh", wait("checking", &checked)), ..Setup::shell(&agent) };
    let mut world = World::with(folder, testkit::repo::TestRepo::new(), super::WRONG_SUM, setup).await;
    let id = world.start("Add").await;
    for (begun, file) in [("editing begins", &edited), ("checking begins", &checked)] {
        world.until(async || world.log(id).await.contains(begun)).await;
        world.rest().await;
        std::fs::write(file, "").unwrap();
        world.work().await;
    }
    let detail = world.ended(id).await;
    let log = world.log(id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    let order = [
        "editing begins",
        "opsmith: attempt 1 starts again: its worker was stopped or lost",
        "editing begins",
        "checking begins",
        "opsmith: the check of attempt 1 starts again: its worker was stopped or lost",
        "checking begins",
    ];
    let told: Vec<&str> = log.lines().filter(|line| order.contains(line)).collect();
    assert_eq!(told, order, "{log}");
    world.stop().await;
}
