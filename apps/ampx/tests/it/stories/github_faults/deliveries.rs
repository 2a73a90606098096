//! A thousand webhooks, again and out of order.

use ampx::task::TaskStatus;
use futures::StreamExt as _;
use opsmith_guard::{Answer, Refusal};
use opsmith_model::TaskId;

use ampx::{AmpxError, MergeOptions, Merged};
use opsmith_forge::git::MergeMethod;

use super::super::ada;
use super::scene::{CREATE, NAME, Scene};
use crate::http::desk::serve;

const KEY: &str = "a webhook's secret";
const EVENTS: usize = 1_000;

impl Scene {
    /// Merges with ada's yes, and deletes the branch.
    pub(super) async fn merge_with_yes(&self, id: TaskId) -> Result<Merged, AmpxError> {
        let options = MergeOptions { method: MergeMethod::Squash, delete_branch: true };
        let ampx = &self.world.ampx;
        match ampx.merge(id, &options, false, &ada()).await {
            Err(AmpxError::Refused(Refusal::ConfirmationRequired(asked))) => {
                self.world.process.guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada()).await.unwrap();
                ampx.merge(id, &options, false, &ada()).await
            }
            other => other,
        }
    }
}

/// Two tasks wait for their CI, while GitHub tells of a thousand things: the oldest last, most of them twice or three
/// times. Each task acts once, and a delivery that was taken is refused the next time.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_deliveries_make_no_task_act_twice() {
    let scene = Scene::with(&format!("webhook_secret = \"{KEY}\"")).await;
    let server = serve(&scene.world.ampx).await;
    let url = server.get("/webhooks/github").build().unwrap().url().to_string();
    scene.fake.add_webhook(&url, KEY);
    scene.fake.hold_webhooks(true);
    let tasks = [scene.start().await, scene.start().await];
    let mut heads = Vec::new();
    for id in tasks {
        heads.push(scene.awaiting(id).await.1);
    }
    for number in 0..EVENTS - heads.len() {
        let sha = &heads[number % heads.len()];
        scene.fake.report(NAME, sha, &format!("part {}", number % 7), "pending");
    }
    for sha in &heads {
        for part in 0..7 {
            scene.fake.with(NAME, |repo| {
                let (sha, context) = (sha.clone(), format!("part {part}"));
                repo.statuses.push(testkit::github::Status { sha, context, state: "success".to_owned() });
            });
        }
        scene.pass(sha);
    }
    let deliveries = scene.fake.deliveries();
    assert!(deliveries.len() >= EVENTS, "{}", deliveries.len());
    // The newest first; 0, 1 or 2 times more, in other orders.
    let ids: Vec<&str> = deliveries.iter().rev().map(|delivery| delivery.id.as_str()).collect();
    let again = (0..ids.len()).map(|at| ids[at * 7 % ids.len()]);
    let more = (0..ids.len() / 2).map(|at| ids[at * 3 % ids.len()]);
    let order: Vec<&str> = ids.iter().copied().chain(again).chain(more).collect();
    let sent = futures::stream::iter(order).map(|id| scene.fake.deliver(id)).buffer_unordered(16);
    let answers: Vec<u16> = sent.collect().await;
    for id in tasks {
        let detail = scene.ended(id).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    }
    let taken = answers.iter().filter(|status| (200..300).contains(*status)).count();
    assert_eq!(taken, deliveries.len(), "each delivery is taken once");
    assert!(answers.iter().all(|status| *status != 0 && *status < 500), "{answers:?}");
    for delivery in scene.fake.deliveries().iter().take(deliveries.len()) {
        assert_eq!(delivery.answers.iter().filter(|status| **status < 300).count(), 1, "{delivery:?}");
    }
    assert_eq!((scene.fake.count(CREATE), scene.fake.with(NAME, |repo| repo.pulls.len())), (2, 2));
    assert_eq!(scene.git.branches().len(), 3);
    for (action, times) in [("ampx.push", 2), ("ampx.open_pull_request", 2), ("ampx.merge", 0)] {
        assert_eq!(scene.recorded(action).await, times, "{action}");
    }
    scene.merge_with_yes(tasks[0]).await.unwrap();
    scene.fake.look();
    let news = scene.fake.deliveries().split_off(deliveries.len());
    for delivery in news.iter().rev().chain(&news) {
        scene.fake.deliver(&delivery.id).await;
    }
    assert_eq!((scene.recorded("ampx.merge").await, scene.git.log("main").len()), (1, 2));
    scene.world.process.guard.verify().await.unwrap();
    scene.world.stop().await;
}

/// What nobody signed, or somebody else did, wakes nobody and is told apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_signed_by_somebody_else_is_refused() {
    let scene = Scene::with(&format!("webhook_secret = \"{KEY}\"")).await;
    let server = serve(&scene.world.ampx).await;
    let url = server.get("/webhooks/github").build().unwrap().url().to_string();
    scene.fake.add_webhook(&url, "another secret");
    scene.fake.hold_webhooks(true);
    let sha = scene.git.branch_sha("main").unwrap();
    scene.fake.report(NAME, &sha, "ci", "success");
    let id = scene.fake.deliveries()[0].id.clone();
    assert_eq!(scene.fake.deliver(&id).await, 401);
    assert_eq!(scene.fake.deliver(&id).await, 401, "it was not taken, so it is not known");
    scene.world.stop().await;
}
