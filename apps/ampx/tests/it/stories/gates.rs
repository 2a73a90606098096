use ampx::NewTask;
use ampx::gates::{FindingKind, Standing};
use ampx::task::{TaskDetail, TaskStatus};
use opsmith_model::{ErrorKind, Hint as _, Principal};
use opsmith_store::Page;
use testkit::repo::TestRepo;

use super::{Setup, World, ada, folder};

const FILES: &[(&str, &str)] = &[
    ("sum.py", "def add(a, b):\n    return a + b + 1\n"),
    (
        "tests/test_sum.py",
        "from sum import add\n\n\ndef test_adds():\n    assert add(2, 2) == 4\n\n\ndef test_is_a_number():\n    assert add(1, 1) > 0\n",
    ),
    ("test.sh", "! grep -q 'add(2, 2)' tests/test_sum.py || grep -q 'a + b$' sum.py\n"),
];

/// The failing test is gone; CI is green then.
const DELETES: &str = "[[attempt]]\nsay = \"gone\"\n[[attempt.edit]]\npath = \"tests/test_sum.py\"\ncontent = \"\"\"\nfrom sum import add\n\n\ndef test_is_a_number():\n    assert add(1, 1) > 0\n\"\"\"\n";
/// The sum is right, and there is one test more.
const MENDS: &str = "[[attempt]]\nsay = \"mended\"\n[[attempt.edit]]\npath = \"sum.py\"\ncontent = \"def add(a, b):\\n    return a + b\\n\"\n[[attempt.edit]]\npath = \"tests/test_more.py\"\ncontent = \"from sum import add\\n\\ndef test_more():\\n    assert add(3, 3) == 6\\n\"\n";
const ADDS_WORKFLOW: &str = "[[attempt]]\nsay = \"CI\"\n[[attempt.edit]]\npath = \"sum.py\"\ncontent = \"def add(a, b):\\n    return a + b\\n\"\n[[attempt.edit]]\npath = \".github/workflows/ci.yml\"\ncontent = \"on: push\\n\"\n";

async fn world(script: &str, policy: &str) -> World {
    let folder = folder();
    let more =
        if policy.is_empty() { String::new() } else { format!("[policy]\n\"ampx.test_edits\" = \"{policy}\"\n") };
    let setup = Setup { more, ..Setup::script(folder.path(), script) };
    World::with(folder, TestRepo::new(), FILES, setup).await
}

async fn done(world: &World, allow_test_edits: bool) -> TaskDetail {
    let new =
        NewTask { repo: world.repo.url(), prompt: "Make CI green".into(), allow_test_edits, ..NewTask::default() };
    world.ended(world.ampx.create(&new, &ada(), None).await.unwrap().id).await
}

/// Kinds and standings of what was found, in all attempts.
fn found(detail: &TaskDetail) -> Vec<(FindingKind, Standing)> {
    let findings = detail.attempts.iter().flat_map(|attempt| &attempt.findings);
    findings.map(|finding| (finding.kind, finding.standing.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_deletes_a_failing_test_is_held_until_a_person_accepts() {
    let world = world(DELETES, "").await;
    let detail = done(&world, false).await;
    let (task, id) = (&detail.task, detail.task.id);
    assert_eq!(task.status, TaskStatus::NeedsReview, "{}", task.summary);
    assert!(
        task.summary.starts_with("held: 1 deleted test (tests/test_sum.py: `test_adds` was deleted)"),
        "{}",
        task.summary
    );
    assert!(task.summary.contains("`ampx accept`") && !task.summary.contains('\n'), "{}", task.summary);
    assert_eq!(world.repo.branches(), ["main"]);
    assert_eq!(detail.attempts[0].ci_verdict, None);
    assert_eq!(detail.attempts[0].summary.as_ref(), Some(&task.summary));
    let [finding] = detail.attempts[0].findings.as_slice() else { panic!("{detail:?}") };
    assert_eq!((finding.kind, finding.test.as_deref()), (FindingKind::Deleted, Some("test_adds")));
    assert_eq!((finding.path.as_str(), finding.standing.clone()), ("tests/test_sum.py", Standing::Held));
    let log = world.log(id).await;
    assert!(log.contains("opsmith: gate: tests/test_sum.py: `test_adds` was deleted\n"), "{log}");

    let error = world.ampx.accept(id, None, &Principal::agent("codex")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "an agent lets nothing pass: {error}");
    let head = detail.task.head_sha.unwrap();
    for other in [&head[..6], &"0".repeat(40), ""] {
        let error = world.ampx.accept(id, Some(other), &ada()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("is `{}` by now", &head[..12])), "{other:?}: {error}");
    }
    assert_eq!(world.ampx.task(id).await.unwrap().status, TaskStatus::NeedsReview, "nothing was accepted");
    world.ampx.accept(id, Some(&head[..12]), &ada()).await.unwrap();
    let detail = world.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{}", detail.task.summary, world.log(id).await);
    assert_eq!(world.repo.branch_sha(&detail.task.branch), detail.task.head_sha);
    assert_eq!((detail.attempts.len(), detail.attempts[0].ci_verdict.as_deref()), (1, Some("green")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_or_a_policy_that_allows_it_lets_it_pass_at_once() {
    for (policy, allow_test_edits) in [("", true), ("allow", false)] {
        let world = world(DELETES, policy).await;
        let detail = done(&world, allow_test_edits).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
        // It is kept all the same, for whoever looks at the attempt.
        assert_eq!(found(&detail), [(FindingKind::Deleted, Standing::Allowed)]);
        assert!(world.log(detail.task.id).await.contains("opsmith: let pass\n"));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_denies_neither_a_task_nor_a_person_lets_pass() {
    let world = world(DELETES, "deny").await;
    let detail = done(&world, true).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(
        detail.task.summary.contains("denies") && detail.task.summary.contains("test_adds"),
        "{}",
        detail.task.summary
    );
    world.ampx.accept(detail.task.id, None, &ada()).await.unwrap();
    let detail = world.ended(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    assert_eq!(world.repo.branches(), ["main"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_test_passes() {
    let world = world(MENDS, "").await;
    let detail = done(&world, false).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(found(&detail), []);
    assert!(!world.log(detail.task.id).await.contains("opsmith: gate"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_from_an_agent_is_held() {
    let world = world(ADDS_WORKFLOW, "").await;
    let detail = done(&world, false).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(
        detail.task.summary.contains("1 changed CI file (.github/workflows/ci.yml: was added)"),
        "{}",
        detail.task.summary
    );
    world.stop().await;
}

/// A first attempt that deletes a test and mends nothing, and what the second one does.
fn deletes_then(second: &str) -> String {
    format!("{DELETES}\n{second}")
}

/// The sum is right, and the file with the deleted test is as it was left.
const THEN_MENDS: &str = "[[attempt]]\nsay = \"mended\"\n[[attempt.edit]]\npath = \"sum.py\"\ncontent = \"def add(a, b):\\n    return a + b\\n\"\n";
/// The same, and one test more demands nothing.
const THEN_WEAKENS: &str = "[[attempt]]\nsay = \"mended\"\n[[attempt.edit]]\npath = \"sum.py\"\ncontent = \"def add(a, b):\\n    return a + b\\n\"\n[[attempt.edit]]\npath = \"tests/test_sum.py\"\ncontent = \"from sum import add\\n\\n\\ndef test_is_a_number():\\n    assert True\\n\"\n";

/// A task whose first change was held and accepted, and was red in CI, so that a person continues it.
async fn accepted_and_continued(second: &str) -> (World, TaskDetail) {
    let folder = folder();
    let setup = Setup::script(folder.path(), &deletes_then(second));
    let files: Vec<(&str, &str)> = FILES
        .iter()
        .map(|(path, text)| (*path, if *path == "test.sh" { "grep -q 'a + b$' sum.py\n" } else { *text }))
        .collect();
    let world = World::with(folder, TestRepo::new(), &files, setup).await;
    let id = done(&world, false).await.task.id;
    world.ampx.accept(id, None, &ada()).await.unwrap();
    let detail = world.ended(id).await;
    assert!(detail.task.summary.starts_with("accepted, but "), "{}", detail.task.summary);
    assert!(matches!(found(&detail)[..], [(FindingKind::Deleted, Standing::Accepted { .. })]), "{:?}", found(&detail));
    world.ampx.continue_task(id, None, &ada()).await.unwrap();
    let detail = world.ended(id).await;
    (world, detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_accepted_stays_accepted_in_later_attempts() {
    let (world, detail) = accepted_and_continued(THEN_MENDS).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(detail.attempts.len(), 2);
    let [finding] = detail.attempts[1].findings.as_slice() else { panic!("{:?}", detail.attempts) };
    assert!(matches!(&finding.standing, Standing::Accepted { by, .. } if *by == ada()), "{finding:?}");
    let log = world.log(detail.task.id).await;
    assert!(log.contains("`test_adds` was deleted (accepted by user:ada)\n"), "{log}");

    let audit = world.process.guard.audit(Page { limit: 100, offset: 0 }).await.unwrap();
    let accepted: Vec<_> = audit.iter().filter(|entry| entry.action == "ampx.task_accepted").collect();
    let [entry] = accepted.as_slice() else { panic!("{audit:?}") };
    let what = &entry.detail["more"];
    assert_eq!((entry.principal.as_str(), &what["attempt"], &what["count"]), ("user:ada", &1.into(), &1.into()));
    assert_eq!(what["commit"], detail.attempts[0].head_sha.clone().unwrap());
    assert_eq!(what["findings"][0]["finding"], "tests/test_sum.py: `test_adds` was deleted");
    assert!(what["findings"][0]["content"].as_str().unwrap().starts_with("blob:"), "{what}");
    world.process.guard.verify().await.unwrap();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_weakening_of_an_accepted_file_is_held_anew() {
    let (world, detail) = accepted_and_continued(THEN_WEAKENS).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    assert!(detail.task.summary.starts_with("held: 1 deleted test, 1 weakened test"), "{}", detail.task.summary);
    assert!(detail.attempts[1].findings.iter().all(|finding| finding.standing == Standing::Held));
    assert_ne!(world.repo.branch_sha(&detail.task.branch), detail.task.head_sha);
    world.ampx.accept(detail.task.id, None, &ada()).await.unwrap();
    let detail = world.ended(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    world.stop().await;
}
