//! Creating and listing tasks in a store that has many, beside plain sqlx.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use ampx::db::TaskFilter;
use anyhow::{Context, Result, ensure};
use opsmith_model::{Clock, TaskId};
use opsmith_store::Page;

use super::peer::Peer;
use crate::report::{Row, Section};
use crate::samples::Samples;
use crate::world::{Setup, World};

pub(super) const TASKS: usize = 10_000;
pub(super) const PAGE: u64 = 50;
/// Product and peer take turns, so that what the disk does meanwhile meets both.
const TURNS: usize = 10;
const CREATES_A_TURN: usize = 200;
const LISTS_A_TURN: usize = 50;
const SYNCS: usize = 500;
/// Nobody works on these tasks, so nothing has to be there.
const REPO: &str = "https://git.example/team/project";

#[derive(Default)]
struct Pair {
    product: Samples,
    peer: Samples,
}

impl Pair {
    fn rows(&self, what: &str, peer: &str) -> [Row; 3] {
        let share = self.product.per_second() / self.peer.per_second();
        let longer = self.product.median_ms() / self.peer.median_ms();
        [
            Row::plain(what, self.product.rate()),
            Row::plain(format!("sqlx 0.9: {peer}"), self.peer.rate()),
            Row::plain("product beside peer", format!("{share:.2} of its rate; {longer:.1} times its p50")),
        ]
    }
}

pub(super) async fn measure() -> Result<Section> {
    let world = World::open(Setup { agent: "true", concurrency: 1 }).await?;
    world.fill(REPO, TASKS).await?;
    let peer = Peer::copy(&world.folder().database(), &world.folder().path().join("peer.db")).await?;
    let (mut creates, mut lists) = (Pair::default(), Pair::default());
    for _ in 0..TURNS {
        create(&world, &peer, &mut creates).await?;
    }
    for _ in 0..TURNS {
        list(&world, &peer, &mut lists).await?;
    }
    peer.close().await;
    let folder = world.close().await?;
    let mut rows = Vec::new();
    rows.extend(creates.rows("create through `Ampx::create`", "one insert in a transaction"));
    rows.extend(lists.rows("list through `Ampx::list`", "one count and one select"));
    rows.push(Row::plain("the disk: 4 KiB appended and synced", syncs(folder.path())?.rate()));
    let how = format!(
        "One after the other, {} creates and {} lists of the newest {PAGE} tasks with the total; no worker. The peer \
         has a copy of the same table, indexes and rows in an SQLite file of its own, in WAL mode with `synchronous = \
         FULL` as the product's. A create of the product's is a task, its run, its audit entry and its event in one \
         transaction; the peer's is the task's row alone.",
        TURNS * CREATES_A_TURN,
        TURNS * LISTS_A_TURN,
    );
    Ok(Section { how, rows, breakdown: None })
}

async fn create(world: &World, peer: &Peer, samples: &mut Pair) -> Result<()> {
    for n in 0..CREATES_A_TURN {
        let prompt = format!("Measured task {n} of a store that has many");
        let begun = Instant::now();
        world.create(REPO, &prompt).await?;
        samples.product.add(begun.elapsed());
    }
    let (rows, _) = peer.list(1).await?;
    let row = rows.into_iter().next().context("the peer has no rows")?;
    for _ in 0..CREATES_A_TURN {
        let id = TaskId::new(Clock::system().now()).to_string();
        let mut row = row.clone();
        row.branch = format!("{}-{id}", row.branch.split('-').next().unwrap_or_default());
        row.id = id;
        let begun = Instant::now();
        peer.insert(row).await?;
        samples.peer.add(begun.elapsed());
    }
    Ok(())
}

async fn list(world: &World, peer: &Peer, samples: &mut Pair) -> Result<()> {
    for _ in 0..LISTS_A_TURN {
        let begun = Instant::now();
        let (tasks, total) = world.ampx.list(&TaskFilter::default(), Page { limit: PAGE, offset: 0 }).await?;
        samples.product.add(begun.elapsed());
        ensure!(tasks.len() as u64 == PAGE && total > TASKS as u64, "{} of {total} tasks were listed", tasks.len());
    }
    for _ in 0..LISTS_A_TURN {
        let begun = Instant::now();
        let (rows, total) = peer.list(i64::try_from(PAGE)?).await?;
        samples.peer.add(begun.elapsed());
        ensure!(rows.len() as u64 == PAGE && total > i64::try_from(TASKS)?, "the peer listed {} rows", rows.len());
    }
    Ok(())
}

/// What a durable commit costs at the least here.
fn syncs(folder: &Path) -> Result<Samples> {
    let mut file = std::fs::File::create(folder.join("synced"))?;
    let mut samples = Samples::default();
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        samples.add(begun.elapsed());
    }
    Ok(samples)
}
