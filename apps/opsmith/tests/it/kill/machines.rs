use super::world::{WRONG_THEN_RIGHT, World};

/// Logs are in the store; the commits are where they were made.
#[tokio::test(flavor = "multi_thread")]
async fn another_machine_shows_the_log_and_says_where_to_ask_for_the_diff() {
    let Some(world) = World::on_postgres(1).await else { return };
    for machine in ["a", "b"] {
        world.configure(machine, &world.script(WRONG_THEN_RIGHT));
    }
    let first = world.serve("a", None);
    let created = first.start(&world).await.unwrap();
    let id = created["id"].as_str().unwrap();
    assert_eq!(first.end_of(id).await["status"], "success");
    let second = world.serve("b", None);
    let logs = format!("/tasks/{id}/logs");
    let log = reqwest::get(second.url(&logs)).await.unwrap().text().await.unwrap();
    assert!(log.contains("I try six.") && log.contains("2 + 2 is not 6"), "{log}");
    assert_eq!(log, reqwest::get(first.url(&logs)).await.unwrap().text().await.unwrap());
    let path = format!("/tasks/{id}/diff");
    let diff = reqwest::get(first.url(&path)).await.unwrap().text().await.unwrap();
    assert!(diff.contains("+echo $(($1 + $2))"), "{diff}");
    let elsewhere = reqwest::get(second.url(&path)).await.unwrap();
    assert_eq!(elsewhere.status(), 409);
    let said = elsewhere.text().await.unwrap();
    assert!(said.contains("is not on this machine") && said.contains("ask the machine"), "{said}");
}
