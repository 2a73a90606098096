use ampx::task::TaskStatus;
use opsmith_guard::Answer;
use opsmith_store::Page;

use super::{Setup, World, ada};

const ADD: &str = "echo 'echo $(($1 + $2))' > sum.sh";

fn policy(effect: &str, decision: &str) -> Setup {
    Setup { more: format!("[policy]\n\"{effect}\" = \"{decision}\"\n"), ..Setup::shell(ADD) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_push_or_pull_request_changes_nothing_outside() {
    for (effect, branches) in [("ampx.push", 1), ("ampx.open_pull_request", 2)] {
        let world = World::new(policy(effect, "deny")).await;
        let detail = world.done("Add").await;
        assert_eq!(detail.task.status, TaskStatus::NeedsReview);
        assert!(detail.task.summary.contains("denies"), "{}", detail.task.summary);
        assert_eq!(world.repo.branches().len(), branches);
        assert_eq!(detail.task.pr_url, None);
        let audit = world.process.guard.audit(Page { limit: 1, offset: 0 }).await.unwrap();
        assert_eq!(audit[0].action, effect);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unconfirmed_effect_waits_for_a_person_and_goes_on_after_the_yes() {
    for effect in ["ampx.push", "ampx.open_pull_request"] {
        let world = World::new(policy(effect, "confirm")).await;
        let detail = world.done("Add").await;
        assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
        let asked = world.process.guard.pending(10).await.unwrap().remove(0);
        assert!(detail.task.summary.contains(&asked.id.to_string()), "{}", detail.task.summary);
        world.process.guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada()).await.unwrap();
        world.ampx.accept(detail.task.id, None, &ada()).await.unwrap();
        let detail = world.ended(detail.task.id).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{effect}: {}", detail.task.summary);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_effect_is_in_the_chain_with_its_permit() {
    let world = World::new(Setup::shell(ADD)).await;
    let detail = world.done("Add").await;
    let audit = world.process.guard.audit(Page { limit: 100, offset: 0 }).await.unwrap();
    let mut actions: Vec<&str> = audit.iter().map(|entry| entry.action.as_str()).collect();
    actions.reverse();
    assert_eq!(actions, ["ampx.task_created", "ampx.push", "ampx.open_pull_request"]);
    let push = &audit[1];
    assert_eq!((push.principal.as_str(), push.digest.is_some()), ("user:ada", true));
    assert_eq!(push.detail["parameters"]["branch"], detail.task.branch);
    assert_eq!(world.process.guard.verify().await.unwrap().entries, 3);
    world.stop().await;
}
