//! What a task costs on a GitHub, beside its agent and its CI, which are instant here.

use std::time::Instant;

use anyhow::{Result, ensure};
use opsmith_model::Clock;
use testkit::github::FakeGitHub;

use super::overhead::{add_steps, breakdown};
use crate::report::{Row, Section};
use crate::samples::Samples;
use crate::world::{Setup, World};

const TASKS: usize = 50;
const GOAL_MS: f64 = 1_000.0;
const AGENT: &str = "echo x > x";
const NAME: &str = "acme/api";
const TOKEN: &str = "a-token-of-the-fake";

pub(super) async fn measure() -> Result<Section> {
    let fake = FakeGitHub::start(Clock::system()).await;
    fake.trust();
    fake.add_token(TOKEN, "opsmith");
    let repo = fake.add_repository(NAME);
    repo.commit("main", &[("README.md", "A repository to measure with.\n"), ("a", "1\n")], "Begin");
    fake.pass_pushes();
    let ci =
        format!("provider = \"github\"\nlocal_first = false\n[github]\nbase_url = {:?}\ntoken = {TOKEN:?}", fake.api());
    let mut world = World::checked_by(Setup { agent: AGENT, concurrency: 1 }, &ci).await?;
    world.work().await?;
    let (mut totals, mut steps, mut between) = (Samples::default(), Vec::new(), Samples::default());
    for _ in 0..TASKS {
        let begun = Instant::now();
        let created = world.create(&fake.url(NAME), "Write an x").await?;
        world.succeeded(&created).await?;
        let total = begun.elapsed();
        totals.add(total);
        between.add(total.saturating_sub(add_steps(&world, &created, &mut steps).await?));
    }
    let pulls = fake.with(NAME, |repo| repo.pulls.len());
    ensure!(pulls == TASKS, "{pulls} pull requests after {TASKS} tasks");
    world.close().await?;
    let requests = fake.asked().len() / TASKS;
    let more = format!("median of {TASKS}; {totals}");
    let rows = vec![
        Row::at_most("create to success", totals.median_ms(), GOAL_MS, "ms", &more),
        Row::plain("requests of the API for a task", requests.to_string()),
    ];
    let how = format!(
        "{TASKS} tasks one after the other against the fake GitHub of the tests, in this process: clone and push over \
         HTTP, a workflow that has passed with the push, a pull request, its labels and reviewers. Agent `{AGENT}`, no check \
         here. Nothing is subtracted: the fake, its `git http-backend` and its own looks at branches are in the figure; \
         a real GitHub adds the time of the network, and its CI."
    );
    Ok(Section { how, rows, breakdown: Some(breakdown(&steps, &between)) })
}
