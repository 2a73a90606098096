use std::ops::{Deref, DerefMut};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::World;
use crate::process::{PATIENCE, Process};

/// Longest that a task may take: an agent's own program needs a minute for a go where others are at work.
const MOST_TASK_TIME: Duration = Duration::from_secs(360);

/// The API of a running `opsmith serve`.
pub(crate) struct Server(Process);

impl Server {
    pub(crate) fn spawn(command: Command) -> Self {
        Self(Process::serve(command))
    }

    pub(crate) fn into_process(self) -> Process {
        self.0
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.name())
    }

    /// Starts the task, or finds it where an earlier life of the server took it in; `None` where it died meanwhile.
    pub(crate) async fn start(&self, world: &World) -> Option<Value> {
        self.start_as(world, "the-task").await
    }

    /// The same for the task of that key.
    pub(crate) async fn start_as(&self, world: &World, key: &str) -> Option<Value> {
        let request = reqwest::Client::new()
            .post(self.url("/tasks"))
            .header("Idempotency-Key", key)
            .json(&json!({ "repo": world.repo.url(), "prompt": "Make the sum right" }));
        let answer = request.timeout(PATIENCE).send().await.ok()?;
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.ok()
    }

    /// What a path of the API answers.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = reqwest::Client::new().get(self.url(path)).timeout(PATIENCE).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Follows the task's log until the task is no longer at work, and gives the task.
    pub(crate) async fn end_of(&self, id: &str) -> Value {
        let client = reqwest::Client::new();
        let deadline = Instant::now() + MOST_TASK_TIME;
        loop {
            let follow = client.get(self.url(&format!("/tasks/{id}/logs?follow=true"))).timeout(MOST_TASK_TIME);
            let _ = follow.send().await.unwrap().bytes().await;
            let task = self.get(&format!("/tasks/{id}")).await;
            let status = task["status"].as_str().unwrap_or_default();
            if !["queued", "running", "retrying"].contains(&status) {
                return task;
            }
            assert!(Instant::now() < deadline, "the task never ended: {task:#}\n{}", self.said());
        }
    }
}

impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.0
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.0
    }
}
