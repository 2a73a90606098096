use futures::StreamExt;

use super::points::points;
use super::world::{WRONG_THEN_RIGHT, World};

/// On PostgreSQL, from another machine: one whose data folder has neither the clone nor the commits.
#[tokio::test(flavor = "multi_thread")]
async fn another_machine_takes_over_from_one_killed_at_any_step() {
    futures::stream::iter(points())
        .map(|point| async move { taken_over_at(&point).await })
        .buffer_unordered(3)
        .count()
        .await;
}

async fn taken_over_at(point: &str) {
    let Some(world) = World::on_postgres(1).await else { return };
    for machine in ["a", "b"] {
        world.configure(machine, &world.script(WRONG_THEN_RIGHT));
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
