//! What a task costs beside its agent and its CI, which are instant here.

use std::process::Stdio;
use std::time::{Duration, Instant};

use ampx::Created;
use anyhow::{Result, ensure};
use testkit::repo::TestRepo;
use tokio::process::Command;

use crate::report::{Breakdown, Row, Section};
use crate::samples::Samples;
use crate::world::{Setup, World, repository};

const TASKS: usize = 50;
const BY_HAND: usize = 20;
const GOAL_MS: f64 = 300.0;
const AGENT: &str = "echo x > x";

/// What a person would type for the same: clone, branch, edit, commit, a fresh checkout for the CI, push.
const SCRIPT: &str = "\
    git clone -q \"$1\" work; cd work; git checkout -q -b \"$2\"; sh -c 'echo x > x'; git add -A; \
    git -c user.name=Ada -c user.email=ada@example.com commit -q -m x; \
    git clone -q --no-local . ../check; (cd ../check; sh -c true); git push -q origin \"$2\"";

pub(super) async fn measure() -> Result<Section> {
    let repo = repository();
    let mut world = World::open(Setup { agent: AGENT, concurrency: 1 }).await?;
    world.work().await?;
    let (mut totals, mut steps, mut between) = (Samples::default(), Vec::new(), Samples::default());
    for _ in 0..TASKS {
        let begun = Instant::now();
        let created = world.create(&repo.url(), "Write an x").await?;
        world.succeeded(&created).await?;
        let total = begun.elapsed();
        totals.add(total);
        between.add(total.saturating_sub(add_steps(&world, &created, &mut steps).await?));
    }
    let branches = repo.branches().len();
    ensure!(branches == TASKS + 1, "{branches} branches after {TASKS} tasks");
    world.close().await?;
    let mut by_hand = Samples::default();
    for n in 0..BY_HAND {
        by_hand.add(plain(&repo, n).await?);
    }
    let more = format!("median of {TASKS}; {totals}");
    let rows = vec![
        Row::at_most("create to success", totals.median_ms(), GOAL_MS, "ms", &more),
        Row::plain(format!("the plain commands by hand, {BY_HAND} times"), by_hand.to_string()),
    ];
    let how = format!(
        "{TASKS} tasks one after the other, from `Ampx::create` to the end of the run: agent `{AGENT}`, CI `true`, a \
         bare repository on this disk as the remote. Nothing is subtracted: git, the agent and the CI are in the \
         figure. By hand is one shell with plain git: clone, branch, agent, commit, checkout for the CI, push."
    );
    Ok(Section { how, rows, breakdown: Some(breakdown(&steps, &between)) })
}

/// The times of the steps, and of what is between them.
pub(super) fn breakdown(steps: &[(String, Samples)], between: &Samples) -> Breakdown {
    let line = |name: &str, samples: &Samples| {
        [
            name.to_owned(),
            format!("{:.1}", samples.median_ms()),
            format!("{:.1}", crate::samples::ms(samples.percentile(99))),
        ]
    };
    let mut lines: Vec<_> = steps.iter().map(|(name, samples)| line(name, samples)).collect();
    lines.push(line("outside of steps: claim, journal, wait", between));
    Breakdown { columns: ["step", "p50 ms", "p99 ms"], lines }
}

/// Adds the times of the task's steps under their names, in order, and answers with their sum.
pub(super) async fn add_steps(
    world: &World,
    created: &Created,
    steps: &mut Vec<(String, Samples)>,
) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    let Some(run) = world.ampx.task(created.id).await?.run_id else { return Ok(sum) };
    for step in world.process.runs.steps(run).await? {
        let (Some(started), Some(finished)) = (step.started_at, step.finished_at) else { continue };
        // The clock of the day may go back.
        let took = (finished - started).to_std().unwrap_or_default();
        sum += took;
        match steps.iter_mut().find(|(name, _)| *name == step.name) {
            Some((_, samples)) => samples.add(took),
            None => steps.push((step.name, [took].into_iter().collect())),
        }
    }
    Ok(sum)
}

async fn plain(repo: &TestRepo, n: usize) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("sh");
    command.args(["-ec", SCRIPT, "sh", &repo.url(), &format!("by-hand-{n}")]);
    command.current_dir(folder.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.stdin(Stdio::null()).kill_on_drop(true);
    let begun = Instant::now();
    let status = command.status().await?;
    ensure!(status.success(), "the plain commands ended with {status}");
    Ok(begun.elapsed())
}
