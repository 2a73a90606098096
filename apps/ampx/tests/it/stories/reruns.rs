//! A red check is run again before it counts.

use ampx::task::{TaskDetail, TaskStatus};
use opsmith_forge::url::RepoUrl;
use testkit::repo::TestRepo;

use super::{Setup, WRONG_SUM, World, ada, config, folder};

const MEND: &str = "echo 'echo $(($1 + $2))' > sum.sh";

/// A world whose check first runs `ci`, which finds in `$n` how often it has been run.
async fn world(agent: &str, ci: &str, keys: &str) -> World {
    let folder = folder();
    let count = folder.path().join("count");
    std::fs::create_dir(&count).unwrap();
    let count = count.display();
    let setup = Setup {
        ci: format!("echo run >> {count}/runs; n=$(wc -l < {count}/runs); {ci}"),
        ci_keys: keys.to_owned(),
        more: format!("[sandbox]\nwritable = [\"{count}\"]\n"),
        ..Setup::shell(agent)
    };
    World::with(folder, TestRepo::new(), WRONG_SUM, setup).await
}

fn runs(world: &World) -> usize {
    std::fs::read_to_string(world.folder.path().join("count/runs")).unwrap().lines().count()
}

async fn body(world: &World, detail: &TaskDetail) -> String {
    let url = RepoUrl::parse(&detail.task.repo).unwrap();
    world.ampx.forge.local().of_branch(&url, &detail.task.branch).await.unwrap().unwrap().body
}

#[tokio::test(flavor = "multi_thread")]
async fn green_when_run_again_is_green_and_flaky() {
    let world = world(MEND, "test $n != 1 || { echo unlucky; exit 7; }; sh test.sh", "").await;
    let detail = world.done("Make the sum right").await;
    let (task, attempt) = (&detail.task, &detail.attempts[0]);
    assert_eq!((task.status, task.attempt_count), (TaskStatus::Success, 1), "{}", task.summary);
    assert_eq!((attempt.ci_verdict.as_deref(), attempt.flaky, attempt.pushed), (Some("green"), true, Some(true)));
    assert_eq!(attempt.log_excerpt.as_deref(), Some("unlucky"), "what is flaky");
    let said = "passed when checked again (flaky: at first `echo run";
    for text in [&task.summary, attempt.summary.as_ref().unwrap(), &body(&world, &detail).await] {
        assert!(text.contains(said) && text.contains("exited with 7"), "{text}");
    }
    let log = world.log(task.id).await;
    assert!(log.contains("exited with 7; checking again before it counts\n"), "{log}");
    assert_eq!((runs(&world), detail.pushes_saved), (2, 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_failures_of_one_commit_that_differ_are_told_to_the_agent() {
    let agent = format!("if [ $OPSMITH_ATTEMPT = 1 ]; then echo '# hm' >> sum.sh; else {MEND}; fi");
    let ci = "case $n in 1) echo the port is taken; exit 1;; 2) echo no answer; exit 1;; *) sh test.sh;; esac";
    let world = world(&agent, ci, "").await;
    let detail = world.done("Make the sum right").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    let [first, second] = detail.attempts.as_slice() else { panic!("{:?}", detail.attempts) };
    assert_eq!((first.ci_verdict.as_deref(), first.flaky), (Some("red"), false));
    assert_eq!(first.log_excerpt.as_deref(), Some("no answer"), "that of the last");
    assert!(first.summary.as_deref().unwrap().ends_with("and otherwise before, so it may be flaky"));
    assert!(second.prompt.contains("failed in another way, so the check may be flaky"), "{}", second.prompt);
    assert!(second.prompt.contains("the port is taken") && second.prompt.contains("no answer"), "{}", second.prompt);
    assert_eq!(detail.pushes_saved, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_often_is_configured() {
    let ci = "test $n -gt 3 || { echo unlucky; exit 1; }; sh test.sh";
    let world_of_three = world(MEND, ci, "reruns = 3\n").await;
    let detail = world_of_three.done("Make the sum right").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!((detail.attempts.len(), detail.attempts[0].flaky, runs(&world_of_three)), (1, true, 4));
    world_of_three.stop().await;

    let world = world("echo '# hm' >> sum.sh", "exit 1", "reruns = 0\n").await;
    let detail = world.done("Make the sum right").await;
    assert!(detail.task.summary.starts_with("the same failure twice running"), "{}", detail.task.summary);
    // Two attempts, and the base after the first.
    assert_eq!((detail.attempts.len(), runs(&world), detail.pushes_saved), (2, 3, 2));
    world.stop().await;

    let setup = Setup { ci_keys: "reruns = 6\n".into(), ..Setup::shell("true") };
    let folder = folder();
    let error = ampx::config::Settings::resolve(&config(folder.path(), &setup)).unwrap_err();
    assert!(error.to_string().ends_with("is not valid: must be 0 to 5, is 6"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_hangs_is_not_run_again() {
    let world = world(MEND, "echo at work; sleep 600", "timeout_s = 1\n").await;
    let new = ampx::NewTask {
        repo: world.repo.url(),
        prompt: "Make the sum right".into(),
        max_attempts: Some(1),
        ..Default::default()
    };
    let id = world.ampx.create(&new, &ada(), None).await.unwrap().id;
    let detail = world.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(detail.task.summary.contains("timed out after 1 s"), "{}", detail.task.summary);
    assert_eq!(detail.attempts[0].log_excerpt.as_deref(), Some("at work"));
    assert!(!world.log(id).await.contains("checking again"));
    assert_eq!(runs(&world), 2, "the commit and the base");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_ends_a_check_that_is_run_again() {
    let world = world(MEND, "echo run $n; test $n = 1 && exit 1; sleep 600", "").await;
    let id = world.start("Make the sum right").await;
    world.until(async || world.log(id).await.contains("\nrun 2\n")).await;
    let asked = std::time::Instant::now();
    world.ampx.abort(id, &ada()).await.unwrap();
    let detail = world.ended(id).await;
    assert!(asked.elapsed() < std::time::Duration::from_secs(10), "{:?}", asked.elapsed());
    assert_eq!(detail.task.status, TaskStatus::Aborted);
    assert_eq!((detail.attempts[0].ci_verdict.as_deref(), detail.pushes_saved), (None, 0), "no red counts yet");
    assert!(world.strays().is_empty(), "{:?}", world.strays());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_between_two_checks_goes_on_with_the_second() {
    let mut world = world(MEND, "echo run $n; test $n = 1 && exit 1; test $n = 2 && sleep 600; sh test.sh", "").await;
    let id = world.start("Make the sum right").await;
    world.until(async || world.log(id).await.contains("\nrun 2\n")).await;
    world.rest().await;
    world.work().await;
    let detail = world.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!((detail.attempts.len(), detail.attempts[0].flaky, runs(&world)), (1, true, 3));
    let log = world.log(id).await;
    assert!(log.contains("opsmith: check 2 of attempt 1 starts again: its worker was stopped or lost\n"), "{log}");
    world.stop().await;
}
