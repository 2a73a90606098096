use std::time::Duration;

use chrono::DateTime;
use opsmith_forge::ci::{EXCERPT_CHARS, Verdict};
use opsmith_forge::git::Pushed;
use opsmith_forge::github::{Awaited, CiWait, CommitCi, GitHubError, RERUN_CI, RerunRequest};
use testkit::github::{CheckRun, Job, Run, Status, Step, Storm};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::scene::{NAME, Scene};

const MINUTE: Duration = Duration::from_secs(60);
const WAIT: CiWait =
    CiWait { poll_interval: MINUTE, grace: Duration::from_secs(120), longest: Duration::from_secs(3600) };

fn on<'a>(branch: &'a str, sha: &'a str) -> Awaited<'a> {
    Awaited { branch, sha, reruns: &[] }
}

fn run(scene: &Scene, status: &str, conclusion: Option<&str>) {
    let sha = scene.head_sha.clone();
    let conclusion = conclusion.map(str::to_owned);
    scene.fake.with(NAME, |repo| {
        repo.runs = vec![Run {
            id: 7,
            sha: sha.clone(),
            name: "ci".into(),
            status: status.into(),
            conclusion: conclusion.clone(),
            attempt: 1,
            ..Run::default()
        }];
        let app = "github-actions".to_owned();
        let (name, status) = ("test".into(), status.into());
        repo.check_runs = vec![CheckRun { id: 70, sha, name, status, conclusion, app, ..CheckRun::default() }];
    });
}

fn red_job(scene: &Scene, log: &str) {
    run(scene, "completed", Some("failure"));
    let time = |second: i64| DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
    let step = |name: &str, conclusion: &str, from: i64, to: i64| Step {
        name: name.into(),
        conclusion: conclusion.into(),
        times: (time(from), time(to)),
    };
    let steps =
        vec![step("checkout", "success", 0, 4), step("make test", "failure", 5, 9), step("post", "success", 11, 12)];
    let (name, conclusion) = ("test".into(), Some("failure".into()));
    let job = Job { id: 70, run_id: 7, name, conclusion, steps, log: log.into(), ..Job::default() };
    scene.fake.with(NAME, |repo| repo.jobs = vec![job]);
}

fn line(second: i64, text: &str) -> String {
    let time = DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap();
    format!("{} {text}\n", time.format("%Y-%m-%dT%H:%M:%S.0000000Z"))
}

#[tokio::test]
async fn every_reporter_counts() {
    let scene = Scene::new().await;
    let sha = scene.head_sha.clone();
    assert_eq!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Silent, "GitHub's own word for that is `pending`");
    run(&scene, "in_progress", None);
    assert!(matches!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Pending { .. }));
    run(&scene, "completed", Some("success"));
    assert!(matches!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Green { passed: 1, .. }));
    let status = |context: &str, state: &str| Status { sha: sha.clone(), context: context.into(), state: state.into() };
    for (state, expected) in [("pending", "Pending"), ("error", "Red"), ("success", "Green")] {
        scene.fake.with(NAME, |repo| repo.statuses.push(status("lint", state)));
        let ci = scene.repo.ci_of(&sha).await.unwrap();
        assert!(format!("{ci:?}").starts_with(expected), "the newest of a context counts: {ci:?}");
    }
    run(&scene, "completed", Some("cancelled"));
    assert!(matches!(scene.repo.ci_of(&sha).await.unwrap(), CommitCi::Undecided { .. }));
    let other = scene.git.branch_sha("main").unwrap();
    assert_eq!(scene.repo.ci_of(&other).await.unwrap(), CommitCi::Silent, "each commit for itself");
}

#[tokio::test]
async fn the_failing_steps_log_is_told_and_no_token_is_shown_to_its_host() {
    let scene = Scene::new().await;
    let noise: String = (0..2_000).map(|n| line(2, &format!("fetching {n}"))).collect();
    let log = [
        noise,
        line(6, "\u{1b}[31mFAILED\u{1b}[0m tests/b.py"),
        line(9, "##[error]Process completed with exit code 2."),
    ];
    red_job(&scene, &[log.concat(), line(11, "Post job cleanup.")].concat());
    let CommitCi::Red { failed } = scene.repo.ci_of(&scene.head_sha).await.unwrap() else { panic!() };
    assert_eq!(failed.iter().filter_map(|one| one.run_id).collect::<Vec<_>>(), [7]);
    let report = scene.repo.red_report(&failed).await.unwrap();
    assert_eq!(report.failing, "`make test` in `test` failed");
    let expected = "== `make test` in `test`\nFAILED tests/b.py\n##[error]Process completed with exit code 2.";
    assert_eq!(report.excerpt, expected);
    let long: String = (0..100_000).map(|n| line(6, &format!("line {n}"))).collect();
    red_job(&scene, &long);
    let report = scene.repo.red_report(&failed).await.unwrap();
    assert!(report.excerpt.chars().count() <= EXCERPT_CHARS && report.excerpt.ends_with("line 99999"));
    scene.fake.deny("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", "actions=read");
    let report = scene.repo.red_report(&failed).await.unwrap();
    assert!(report.excerpt.contains("(no log: ") && report.excerpt.contains("`actions=read`"), "{}", report.excerpt);
}

#[tokio::test]
async fn a_red_status_without_a_job_is_told_by_its_name() {
    let scene = Scene::new().await;
    let status = Status { sha: scene.head_sha.clone(), context: "ci/jenkins".into(), state: "failure".into() };
    scene.fake.with(NAME, |repo| repo.statuses.push(status));
    let CommitCi::Red { failed } = scene.repo.ci_of(&scene.head_sha).await.unwrap() else { panic!() };
    assert_eq!(scene.repo.red_report(&failed).await.unwrap().failing, "`ci/jenkins` failed");
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_with_the_verdict_and_is_woken_at_once() {
    let scene = Scene::new().await;
    run(&scene, "queued", None);
    let (wake, began) = (Notify::new(), Instant::now());
    let (verdict, ()) = tokio::join!(scene.repo.await_verdict(on("fix", &scene.head_sha), WAIT, &wake), async {
        tokio::time::sleep(Duration::from_secs(65)).await;
        run(&scene, "completed", Some("success"));
        wake.notify_one();
    });
    assert!(matches!(verdict.unwrap().verdict, Verdict::Green { .. }));
    assert!(began.elapsed() < Duration::from_secs(70), "not at the next poll: {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn waiting_outlasts_an_outage_and_nobody_reporting_is_no_ci() {
    let scene = Scene::new().await;
    scene.fake.storm(Storm::Outage, 20 * MINUTE);
    red_job(&scene, &line(6, "FAILED"));
    let verdict = scene.repo.await_verdict(on("fix", &scene.head_sha), WAIT, &Notify::new()).await.unwrap().verdict;
    assert!(matches!(verdict, Verdict::Red(report) if report.excerpt.ends_with("FAILED")));
    let (main, began) = (scene.git.branch_sha("main").unwrap(), Instant::now());
    assert_eq!(scene.repo.await_verdict(on("main", &main), WAIT, &Notify::new()).await.unwrap().verdict, Verdict::NoCi);
    assert!((WAIT.grace..WAIT.grace + 2 * MINUTE).contains(&began.elapsed()), "{:?}", began.elapsed());
    run(&scene, "in_progress", None);
    let verdict = scene.repo.await_verdict(on("fix", &scene.head_sha), WAIT, &Notify::new()).await.unwrap().verdict;
    assert!(matches!(&verdict, Verdict::CannotRun { reason } if reason.contains("still not finished")), "{verdict:?}");
    run(&scene, "completed", Some("action_required"));
    let verdict = scene.repo.await_verdict(on("fix", &scene.head_sha), WAIT, &Notify::new()).await.unwrap().verdict;
    assert!(matches!(verdict, Verdict::CannotRun { .. }), "{verdict:?}");
}

#[tokio::test]
async fn failed_jobs_run_again_once() {
    let scene = Scene::new().await;
    red_job(&scene, "");
    let request = RerunRequest { run_id: 7, attempt: 1 };
    let permit = scene.permit(RERUN_CI, request.parameters());
    assert_eq!(scene.repo.rerun_failed_jobs(&permit, &request).await.unwrap(), Pushed::Done);
    assert_eq!(scene.repo.rerun_failed_jobs(&permit, &request).await.unwrap(), Pushed::AlreadyThere);
    assert_eq!(scene.repo.workflow_run(7).await.unwrap().run_attempt, 2);
    let other = RerunRequest { run_id: 7, attempt: 2 };
    assert!(matches!(scene.repo.rerun_failed_jobs(&permit, &other).await, Err(GitHubError::Permit(_))));
}
