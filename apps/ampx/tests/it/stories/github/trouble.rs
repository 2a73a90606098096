//! What others do to a task's branch, base, pull request and token meanwhile.

use ampx::task::TaskStatus;

use super::{ADD, Hub, NAME, TOKEN, ada, github_alone};

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_others_move_or_delete_ends_the_wait() {
    for (gone, words) in [(false, "was moved by someone else"), (true, "was deleted by someone else")] {
        let hub = Hub::new(github_alone(ADD), &[]).await;
        let id = hub.start().await;
        hub.awaited(id, 1).await;
        let branch = hub.world.ampx.task(id).await.unwrap().branch;
        if gone {
            hub.git.delete_branch(&branch);
        } else {
            let main = hub.git.branch_sha("main").unwrap();
            hub.git.commit_from(&main, &branch, &[("theirs", "1\n")], "Not ours");
        }
        let task = hub.world.ended(id).await.task;
        assert_eq!(task.status, TaskStatus::NeedsReview);
        assert_eq!(task.summary, format!("branch `{branch}` {words} while CI was awaited"));
        hub.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_deleted_is_a_persons_to_judge() {
    let hub = Hub::new(github_alone(ADD), &[]).await;
    let id = hub.start().await;
    let sha = hub.awaited(id, 1).await;
    hub.git.delete_branch("main");
    hub.fake.report(NAME, &sha, "ci/any", "success");
    let task = hub.world.ended(id).await.task;
    assert_eq!(task.status, TaskStatus::NeedsReview);
    assert!(task.summary.contains("the base branch `main` is gone"), "{}", task.summary);
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_ends_the_task_and_a_good_one_goes_on_where_it_was() {
    let hub = Hub::new(github_alone(ADD), &[]).await;
    let id = hub.start().await;
    hub.awaited(id, 1).await;
    hub.fake.revoke_tokens();
    let task = hub.world.ended(id).await.task;
    assert_eq!(task.status, TaskStatus::Error);
    assert!(task.summary.starts_with("GitHub does not accept the credentials for "), "{}", task.summary);
    assert!(task.summary.contains("the token may be expired or revoked"), "{}", task.summary);
    hub.world.ampx.continue_task(id, None, &ada()).await.unwrap();
    let task = hub.world.ended(id).await.task;
    let refused = format!("GitHub refuses git access to `{}`", hub.fake.url(NAME));
    assert!(task.status == TaskStatus::Error && task.summary.starts_with(&refused), "{}", task.summary);
    assert!(!task.summary.contains(TOKEN));
    hub.fake.add_token(TOKEN, "opsmith");
    hub.world.ampx.continue_task(id, None, &ada()).await.unwrap();
    hub.report(id, 1, "success").await;
    let detail = hub.world.ended(id).await;
    assert_eq!((detail.task.status, detail.attempts.len()), (TaskStatus::Success, 1), "{}", detail.task.summary);
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reporting_is_no_ci() {
    let mut setup = github_alone(ADD);
    setup.ci_keys.push_str("grace_s = 1\n");
    let hub = Hub::new(setup, &[]).await;
    let id = hub.start().await;
    let task = hub.world.ended(id).await.task;
    assert_eq!(task.status, TaskStatus::NeedsReview);
    assert!(task.summary.starts_with("no CI: nobody has reported on the commit within 1 s"), "{}", task.summary);
    assert!(task.pushed_sha.is_some());
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_red_here_costs_no_push_and_a_green_here_decides_nothing() {
    let mut setup = github_alone(super::GUESS_THEN_ADD);
    setup.ci = "sh test.sh".into();
    setup.ci_keys = "provider = \"github\"\nreruns = 0\n".into();
    let hub = Hub::new(setup, &[]).await;
    let id = hub.start().await;
    hub.report(id, 2, "success").await;
    let detail = hub.world.ended(id).await;
    let pushed: Vec<_> = detail.attempts.iter().map(|attempt| attempt.pushed).collect();
    assert_eq!(detail.attempts.len(), 2, "{}", detail.task.summary);
    assert_eq!(pushed, [Some(false), Some(true)]);
    assert!(hub.world.log(id).await.contains("opsmith: green here: `sh test.sh` passed; GitHub's CI decides\n"));
    assert!(detail.task.summary.contains("1 check passed"), "{}", detail.task.summary);
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_cannot_check_what_it_has_not() {
    let mut setup = github_alone(ADD);
    setup.ci_keys = "provider = \"github\"\n".into();
    let world = super::World::new(setup).await;
    let task = world.done("Make sum.sh add").await.task;
    assert_eq!(task.status, TaskStatus::Error);
    assert!(task.summary.contains("not on a GitHub that is configured"), "{}", task.summary);
    world.stop().await;
}
