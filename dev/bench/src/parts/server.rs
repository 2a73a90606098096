//! Memory at rest and start to ready of the shipped server.

use std::time::Duration;

use anyhow::Result;

use crate::report::{Row, Section};
use crate::samples::Samples;
use crate::server::Server;
use crate::world::{Folder, Setup};

const STARTS: usize = 10;
const REST: Duration = Duration::from_secs(3);
const MEMORY_GOAL_MB: f64 = 60.0;
const START_GOAL_MS: f64 = 300.0;

const SETUP: Setup = Setup { agent: "true", concurrency: 1 };

pub(super) async fn measure() -> Result<Section> {
    let (mut first, mut again) = (Samples::default(), Samples::default());
    for _ in 0..STARTS {
        let folder = Folder::new(SETUP)?;
        first.add(start(&folder).await?);
        again.add(start(&folder).await?);
    }
    let folder = Folder::new(SETUP)?;
    let server = Server::start(&folder).await?;
    tokio::time::sleep(REST).await;
    let memory = server.memory()?;
    server.stop().await?;
    let peak = format!("peak {:.1} MB", memory.peak_mb);
    let of = |samples: &Samples| format!("median of {STARTS}; {samples}");
    let rows = vec![
        Row::at_most("memory at rest, resident", memory.resident_mb, MEMORY_GOAL_MB, "MB", &peak),
        Row::at_most("start to ready", again.median_ms(), START_GOAL_MS, "ms", &of(&again)),
        Row::at_most("first start to ready, making the tables", first.median_ms(), START_GOAL_MS, "ms", &of(&first)),
    ];
    let how = format!(
        "`opsmith serve` with API, worker and an SQLite file. Memory is `VmRSS` {} s after it was ready; a start is \
         from the spawn to the first 200 of `/health/ready`.",
        REST.as_secs()
    );
    Ok(Section { how, rows, breakdown: None })
}

async fn start(folder: &Folder) -> Result<Duration> {
    let server = Server::start(folder).await?;
    let ready_after = server.ready_after;
    server.stop().await?;
    Ok(ready_after)
}
