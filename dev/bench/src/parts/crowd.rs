//! Many tasks on several repositories in one process: how long they take, and what stays in memory.

use std::time::Instant;

use anyhow::{Result, ensure};
use testkit::repo::TestRepo;

use crate::machine::Memory;
use crate::report::{Row, Section};
use crate::world::{Setup, World, repository};

const TASKS: usize = 200;
const REPOSITORIES: usize = 20;
const CONCURRENCY: usize = 8;
/// What the second half of the tasks may add to what the first half left.
const GROWTH_GOAL_MB: f64 = 5.0;

pub(super) async fn measure() -> Result<Section> {
    let repos: Vec<TestRepo> = (0..REPOSITORIES).map(|_| repository()).collect();
    let mut world = World::open(Setup { agent: "echo x > x", concurrency: CONCURRENCY }).await?;
    world.work().await?;
    let before = Memory::own()?;
    let begun = Instant::now();
    let mut created = Vec::new();
    for n in 0..TASKS {
        created.push(world.create(&repos[n % REPOSITORIES].url(), "The same prompt").await?);
    }
    let (first, second) = created.split_at(TASKS / 2);
    for task in first {
        world.succeeded(task).await?;
    }
    let halfway = Memory::own()?;
    for task in second {
        world.succeeded(task).await?;
    }
    let took = begun.elapsed().as_secs_f64();
    let after = Memory::own()?;
    world.close().await?;
    for repo in &repos {
        let branches = repo.branches().len();
        ensure!(branches == 1 + TASKS / REPOSITORIES, "a repository has {branches} branches");
    }
    let growth = after.resident_mb - halfway.resident_mb;
    let more = format!("{:.1} MB, then {:.1} MB", halfway.resident_mb, after.resident_mb);
    let rows = vec![
        Row::plain("from the first create to the last success", format!("{took:.1} s, {:.1}/s", TASKS as f64 / took)),
        Row::plain("memory before, resident", format!("{:.1} MB", before.resident_mb)),
        Row::plain("memory after, resident", format!("{:.1} MB, peak {:.1} MB", after.resident_mb, after.peak_mb)),
        Row::at_most("memory is flat: growth over the second hundred", growth, GROWTH_GOAL_MB, "MB", &more),
    ];
    let how = "All tasks queued at once, each with an instant agent, an instant CI and a bare repository on this disk; \
               every one succeeded at its first attempt, on a branch of its own. The worker is in the process that \
               measures; connections' page caches fill in the first hundred.";
    Ok(Section { how: how.to_owned(), rows, breakdown: None })
}
