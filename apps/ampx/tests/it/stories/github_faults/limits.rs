//! Limits and outages.

use std::time::Duration;

use ampx::task::TaskStatus;
use testkit::github::{Fault, Storm};
use tokio::time::Instant;

use super::super::ada;
use super::scene::{CREATE, Scene};

const MINUTE: Duration = Duration::from_secs(60);

impl Scene {
    /// Waits until so many requests were refused with a status.
    async fn refused(&self, status: u16, times: usize) {
        let refused = || self.fake.asked().iter().filter(|asked| asked.status == status).count();
        while refused() < times {
            tokio::task::yield_now().await;
        }
    }

    /// Lets the clock of this test run ahead.
    async fn later(&self, by: Duration) {
        let until = Instant::now() + by;
        while Instant::now() < until {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(20)).await;
            tokio::time::resume();
            // What it woke comes to its end.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_is_waited_out_by_all_together() {
    let scene = Scene::new().await;
    scene.fake.storm_without_end(Storm::Secondary(Some(1)));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(scene.start().await);
    }
    scene.refused(429, 4).await;
    scene.fake.calm();
    for id in tasks {
        scene.green(id).await;
        let detail = scene.ended(id).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    }
    let refused = scene.fake.asked().iter().filter(|asked| asked.status == 429).count();
    assert!(refused < 12, "{refused} requests while GitHub had asked for less of them");
    assert_eq!((scene.fake.count(CREATE), scene.recorded("ampx.open_pull_request").await), (3, 3));
    scene.world.process.guard.verify().await.unwrap();
    scene.world.stop().await;
}

#[tokio::test]
async fn an_outage_of_ten_minutes_is_waited_out() {
    let scene = Scene::new().await;
    let id = scene.start().await;
    let (_, sha) = scene.awaiting(id).await;
    scene.fake.storm(Storm::Outage, 10 * MINUTE);
    scene.refused(503, 1).await;
    scene.later(11 * MINUTE).await;
    assert!(scene.world.ampx.task(id).await.unwrap().status.is_active());
    scene.pass(&sha);
    let detail = scene.ended(id).await;
    scene.assert_done_once(&detail, 1).await;
    let refused = scene.fake.asked().iter().filter(|asked| asked.status == 503).count();
    assert!(refused < 60, "{refused} requests in ten minutes");
    scene.world.stop().await;
}

/// Longer than anybody waits: the task ends in words, and goes on afterwards with what it has.
#[tokio::test]
async fn an_outage_of_hours_ends_the_task_in_words_and_it_can_be_continued() {
    let scene = Scene::new().await;
    let id = scene.start().await;
    let (_, sha) = scene.awaiting(id).await;
    scene.fake.storm(Storm::Outage, 180 * MINUTE);
    scene.refused(503, 1).await;
    scene.later(90 * MINUTE).await;
    let detail = scene.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::Error, "{}", detail.task.summary);
    assert!(detail.task.summary.contains("status 503"), "{}", detail.task.summary);
    scene.fake.calm();
    scene.pass(&sha);
    scene.world.ampx.continue_task(id, None, &ada()).await.unwrap();
    let detail = scene.ended(id).await;
    scene.assert_done_once(&detail, 2).await;
    scene.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_place_of_the_pull_request_ends_the_task_in_words_and_it_can_be_continued() {
    let scene = Scene::new().await;
    let id = scene.start().await;
    let (_, sha) = scene.awaiting(id).await;
    scene.fake.fault(Some(CREATE), Fault::Html(502));
    scene.pass(&sha);
    let detail = scene.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::Error, "{}", detail.task.summary);
    let summary = detail.task.summary;
    assert!(
        summary.contains("GitHub cannot answer for a pull request from `amp/") && summary.contains("502"),
        "{summary}"
    );
    assert!(!summary.contains('<'), "{summary}");
    scene.world.ampx.continue_task(id, None, &ada()).await.unwrap();
    let detail = scene.ended(id).await;
    scene.assert_done_once(&detail, 2).await;
    scene.world.stop().await;
}
