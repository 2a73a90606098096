//! Creating and listing tasks through the shipped server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use super::tasks::{PAGE, TASKS};
use crate::report::{Row, Section};
use crate::samples::Samples;
use crate::server::Server;
use crate::world::{Setup, World, new_task, repository};

const CREATES: usize = 2_000;
const LISTS: usize = 500;
const BUSY_LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn measure() -> Result<Section> {
    let repo = repository();
    // The first task keeps the only slot, so that the others stay where they are.
    let world = World::open(Setup { agent: "exec sleep 300", concurrency: 1 }).await?;
    world.fill(&repo.url(), TASKS).await?;
    let folder = world.close().await?;
    let server = Server::start(&folder).await?;
    busy(&server).await?;
    let tasks = format!("{}/api/v1/tasks", server.url);
    let mut creates = Samples::default();
    for n in 0..CREATES {
        let new = new_task(&repo.url(), &format!("Measured task {n} of a store that has many"));
        let (took, _) = ask(server.client.post(&tasks).json(&new), StatusCode::CREATED).await?;
        creates.add(took);
    }
    let mut lists = Samples::default();
    for _ in 0..LISTS {
        let (took, body) = ask(server.client.get(&tasks).query(&[("limit", PAGE)]), StatusCode::OK).await?;
        lists.add(took);
        ensure!(body["tasks"].as_array().is_some_and(|page| page.len() as u64 == PAGE), "a page had not {PAGE} tasks");
    }
    let memory = server.memory()?;
    server.stop().await?;
    let rows = vec![
        Row::plain("POST /api/v1/tasks", creates.rate()),
        Row::plain("GET /api/v1/tasks?limit=50", lists.rate()),
        Row::plain("memory of the server afterwards", format!("{:.1} MB", memory.resident_mb)),
    ];
    let how = format!(
        "`opsmith serve` with its worker busy on another task, over one kept connection: {CREATES} creates, then \
         {LISTS} lists of the newest {PAGE} tasks with the total. A time ends when the whole body is there.",
    );
    Ok(Section { how, rows, breakdown: None })
}

/// Waits until the worker has all that it takes at once.
async fn busy(server: &Server) -> Result<()> {
    let begun = Instant::now();
    let running = format!("{}/api/v1/tasks?status=running", server.url);
    while ask(server.client.get(&running), StatusCode::OK).await?.1["total"] != 1 {
        ensure!(begun.elapsed() < BUSY_LIMIT, "the server's worker did not begin a task");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The time to the end of an answer, and the answer.
async fn ask(request: RequestBuilder, expected: StatusCode) -> Result<(Duration, Value)> {
    let begun = Instant::now();
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    let took = begun.elapsed();
    let body: Value = serde_json::from_slice(&body).with_context(|| format!("{status} without JSON"))?;
    ensure!(status == expected, "the server answered {status}: {body}");
    Ok((took, body))
}
