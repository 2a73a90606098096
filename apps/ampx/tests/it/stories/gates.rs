use ampx::gates::FindingKind;
use ampx::task::{TaskDetail, TaskStatus};
use ampx::{Ampx, NewTask};
use opsmith_model::{ErrorKind, Hint as _, Principal};
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

async fn kinds(ampx: &Ampx, detail: &TaskDetail) -> Vec<FindingKind> {
    let findings = ampx.gate_findings(detail.task.id).await.unwrap();
    findings.values().flatten().map(|finding| finding.kind).collect()
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
    let findings = world.ampx.gate_findings(id).await.unwrap();
    let [finding] = findings[&1].as_slice() else { panic!("{findings:?}") };
    assert_eq!((finding.kind, finding.test.as_deref()), (FindingKind::Deleted, Some("test_adds")));
    let log = world.log(id).await;
    assert!(log.contains("opsmith: gate: tests/test_sum.py: `test_adds` was deleted\n"), "{log}");

    let error = world.ampx.accept(id, &Principal::agent("codex")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "an agent lets nothing pass: {error}");
    world.ampx.accept(id, &ada()).await.unwrap();
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
        assert_eq!(kinds(&world.ampx, &detail).await, [FindingKind::Deleted]);
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
    world.ampx.accept(detail.task.id, &ada()).await.unwrap();
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
    assert_eq!(kinds(&world.ampx, &detail).await, []);
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
