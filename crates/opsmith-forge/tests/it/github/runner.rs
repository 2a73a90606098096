//! Workflows that run for real behind the fake, as the client sees them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use opsmith_forge::git::Pushed;
use opsmith_forge::github::webhook::{DeliveryHeaders, Webhooks};
use opsmith_forge::github::{CommitCi, RERUN_CI, RerunRequest};
use opsmith_model::{Clock, Secret};
use testkit::github::{Repository, sign};

use super::scene::{NAME, Scene};

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const KEY: &str = "a webhook's secret";

/// `test` fails the first time that it runs, and `deploy` needs it.
const FLAKY: &str = "name: CI
on: push
jobs:
  lint:
    runs-on: ubuntu-latest
    steps: [{run: echo clean}]
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - run: echo fine
    - name: sums
      run: sh test.sh
    - run: echo never
  deploy:
    needs: [lint, test]
    runs-on: ubuntu-latest
    steps: [{run: echo gone out}]
";

async fn ended(scene: &Scene) {
    let deadline = Instant::now() + PATIENCE;
    while !scene.fake.runs_have_ended(NAME) {
        assert!(
            Instant::now() < deadline,
            "the runs never ended: {:?}",
            scene.fake.with(NAME, |repo| repo.runs.clone())
        );
        tokio::time::sleep(POLL).await;
    }
}

fn jobs(repo: &mut Repository) -> Vec<(String, u64, Option<String>)> {
    let mut jobs: Vec<_> =
        repo.jobs.iter().map(|job| (job.name.clone(), job.attempt, job.conclusion.clone())).collect();
    jobs.sort();
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_checked_and_what_failed_runs_again() {
    let scene = Scene::new().await;
    if !scene.fake.run_workflows() {
        return;
    }
    scene.fake.add_webhook("http://127.0.0.1:9/", KEY);
    scene.fake.hold_webhooks(true);
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("ran");
    let test =
        format!("test -e {0} && exit 0\ntouch {0}\nprintf '\\033[31mFAILED\\033[0m sums\\n'\nexit 3\n", mark.display());
    let files = [(".github/workflows/ci.yml", FLAKY), ("test.sh", test.as_str())];
    let sha = scene.git.commit("fix", &files, "check");
    scene.fake.look();
    assert!(matches!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Pending { .. }));
    ended(&scene).await;
    let CommitCi::Red { failed } = scene.repo.ci_of(&sha).await.unwrap() else { panic!() };
    let report = scene.repo.red_report(&failed).await.unwrap();
    assert_eq!(report.failing, "`sums` in `test` failed");
    assert!(report.excerpt.contains("\nFAILED sums\n"), "{}", report.excerpt);
    assert!(report.excerpt.ends_with("##[error]Process completed with exit code 3."), "{}", report.excerpt);
    let (run, first) = scene.fake.with(NAME, |repo| (repo.runs[0].clone(), jobs(repo)));
    assert_eq!((run.name.as_str(), run.branch.as_str(), run.event.as_str()), ("CI", "fix", "push"));
    let (success, failure) = (|| Some("success".to_owned()), || Some("failure".to_owned()));
    let skipped = Some("skipped".to_owned());
    assert_eq!(
        first,
        [("deploy".into(), 1, skipped.clone()), ("lint".into(), 1, success()), ("test".into(), 1, failure())]
    );
    let steps: Vec<String> = scene.fake.with(NAME, |repo| {
        let job = repo.jobs.iter().find(|job| job.name == "test").unwrap();
        job.steps.iter().map(|step| format!("{}: {}", step.name, step.conclusion)).collect()
    });
    let wanted =
        ["Run actions/checkout@v4: success", "Run echo fine: success", "sums: failure", "Run echo never: skipped"];
    assert!(steps.windows(4).any(|four| four == wanted), "{steps:?}");

    let request = RerunRequest { run_id: run.id, attempt: 1 };
    let permit = scene.permit(RERUN_CI, request.parameters());
    assert_eq!(scene.repo.rerun_failed_jobs(&permit, &request).await.unwrap(), Pushed::Done);
    assert!(matches!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Pending { .. }), "from the first moment");
    ended(&scene).await;
    assert!(matches!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Green { .. }));
    let second = scene.fake.with(NAME, jobs);
    let expected = [
        ("deploy".into(), 1, skipped),
        ("deploy".into(), 2, success()),
        ("lint".into(), 1, success()),
        ("test".into(), 1, failure()),
        ("test".into(), 2, success()),
    ];
    assert_eq!(second, expected, "what had passed is not run again");
    told_of_everything(&scene);
}

/// Every delivery is one that the receiver believes, once.
fn told_of_everything(scene: &Scene) {
    let hooks = Webhooks::new(Secret::new(KEY), Clock::system());
    let mut events = BTreeSet::new();
    for delivery in scene.fake.deliveries() {
        let signature = sign(KEY, &delivery.body);
        let headers =
            DeliveryHeaders { event: Some(&delivery.event), delivery: Some(&delivery.id), signature: Some(&signature) };
        let changed = hooks.take(headers, &delivery.body).unwrap().unwrap();
        assert_eq!((changed.repository, changed.branch.as_deref()), (scene.url().target(), Some("fix")));
        assert!(hooks.take(headers, &delivery.body).is_err(), "a second time");
        events.insert(delivery.event.clone());
    }
    let expected = ["check_run", "check_suite", "push", "workflow_run"];
    assert_eq!(events.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_is_checked_as_what_it_would_become() {
    let scene = Scene::new().await;
    if !scene.fake.run_workflows() {
        return;
    }
    let workflow = "on: {pull_request: {branches: [main]}}\njobs:\n  both:\n    runs-on: ubuntu-latest\n    \
                    strategy: {matrix: {n: [1, 2]}}\n    steps: [{uses: actions/checkout@v4}, {run: cat later b}]\n";
    scene.git.commit("main", &[("later", "1\n"), (".github/workflows/ci.yml", workflow)], "meanwhile");
    scene.fake.look();
    assert!(scene.fake.with(NAME, |repo| repo.runs.is_empty()), "a push starts nothing here");
    scene.open(&scene.request()).await.unwrap();
    ended(&scene).await;
    let ci = scene.repo.ci_of(&scene.head_sha).await.unwrap();
    assert!(matches!(ci, CommitCi::Green { .. }), "{ci:?}");
    let mut names = scene.fake.with(NAME, |repo| repo.jobs.iter().map(|job| job.name.clone()).collect::<Vec<_>>());
    names.sort();
    assert_eq!(names, ["both (1)", "both (2)"]);
    scene.git.commit("main", &[("b", "another\n")], "conflict");
    scene.git.commit("fix", &[("b", "mine\n")], "more");
    scene.fake.look();
    assert_eq!(scene.fake.with(NAME, |repo| repo.runs.len()), 1, "what conflicts is not checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_workflow_fails_and_what_is_stopped_is_cancelled() {
    let scene = Scene::new().await;
    if !scene.fake.run_workflows() {
        return;
    }
    let endless = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: exec sleep 1000}]\n";
    let files = [(".github/workflows/bad.yml", "on: [push\n"), (".github/workflows/long.yml", endless)];
    let sha = scene.git.commit("fix", &files, "broken");
    scene.fake.look();
    let CommitCi::Red { failed } = scene.repo.ci_of(&sha).await.unwrap() else { panic!() };
    let report = scene.repo.red_report(&failed).await.unwrap();
    assert_eq!(report.failing, "`.github/workflows/bad.yml` failed");
    let run = scene.fake.with(NAME, |repo| repo.runs[1].id);
    let deadline = Instant::now() + PATIENCE;
    while scene.fake.with(NAME, |repo| repo.jobs.is_empty()) {
        assert!(Instant::now() < deadline, "the job never began");
        tokio::time::sleep(POLL).await;
    }
    let path = format!("/repos/{NAME}/actions/runs/{run}/cancel");
    assert_eq!(scene.post(&path, &serde_json::Value::Null).await.0, 202);
    assert_eq!(scene.post(&path, &serde_json::Value::Null).await.0, 409);
    let state = scene.fake.with(NAME, |repo| (repo.runs[1].conclusion.clone(), repo.jobs[0].conclusion.clone()));
    assert_eq!(state, (Some("cancelled".into()), Some("cancelled".into())));
}
