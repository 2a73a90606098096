use futures::StreamExt;
use testkit::Postgres;

use super::points::STEPS;
use super::{WRONG_THEN_RIGHT, World};

/// On PostgreSQL, from another machine: one whose data folder has neither the clone nor the commits.
#[tokio::test(flavor = "multi_thread")]
async fn another_machine_takes_over_from_one_killed_at_any_step() {
    let Some(server) = tokio::task::spawn_blocking(Postgres::shared).await.unwrap() else { return };
    futures::stream::iter(STEPS)
        .map(|step| async move { taken_over_at(server, &format!("{step}:acted")).await })
        .buffer_unordered(3)
        .count()
        .await;
}

async fn taken_over_at(postgres: &Postgres, point: &str) {
    let world = World::new(Some(postgres.create_database().await));
    let script = world.folder.path().join("script.toml");
    std::fs::write(&script, WRONG_THEN_RIGHT).unwrap();
    for machine in ["a", "b"] {
        world.configure(machine, &format!("kind = \"script\"\nscript = \"{}\"", script.display()));
    }
    let mut first = world.serve("a", Some(point));
    first.start(&world).await;
    first.died(point).await;
    let second = world.serve("b", None);
    let created = second.start(&world).await.unwrap();
    let task = second.end_of(created["id"].as_str().unwrap()).await;
    world.assert_done_once(&task, 2, point).await;
    assert!(world.strays("b").is_empty(), "{point}");
    // The first machine tidies up what is its own when it comes back.
    let _back = world.serve("a", None);
    assert!(world.strays("a").is_empty(), "{point}: {:?}", world.strays("a"));
}
