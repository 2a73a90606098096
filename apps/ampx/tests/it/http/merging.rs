use opsmith_guard::Answer;
use opsmith_model::ConfirmationId;
use serde_json::{Value, json};

use super::desk::{problem, serve};
use crate::stories::{Setup, World, ada};

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_shown_asked_confirmed_and_done_once() {
    let world = World::new(Setup::shell("echo 'echo $(($1 + $2))' > sum.sh")).await;
    let server = serve(&world.ampx).await;
    let id = world.done("Add").await.task.id;
    let path = format!("/api/v1/tasks/{id}/merge");

    let diff = server.get(&format!("/api/v1/tasks/{id}/diff")).send().await.unwrap().text().await.unwrap();
    assert!(diff.contains("+++ b/sum.sh"), "{diff}");

    let wish = json!({ "method": null, "delete_branch": true });
    let planned: Value =
        server.post(&format!("{path}?dry_run=true"), &wish).send().await.unwrap().json().await.unwrap();
    let kinds: Vec<&Value> = planned["plan"]["effects"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["ampx.merge", "ampx.delete_branch"]);
    assert_eq!(planned["decisions"][0]["decision"], "confirm");
    assert_eq!(planned["decisions"].as_array().unwrap().len(), 2);
    assert!(world.process.guard.pending(10).await.unwrap().is_empty(), "a dry run asks nobody");

    let asked = server.post(&path, &wish).send().await.unwrap();
    assert_eq!(asked.status(), 409);
    let asked = problem(asked).await;
    assert_eq!(asked.error, "confirmation_required");
    assert_eq!(asked.digest.as_deref(), planned["digest"].as_str(), "the same plan as shown");
    assert_eq!(asked.plan.as_ref(), Some(&planned["plan"]));
    assert!(asked.expires_at.is_some());

    let confirmation: ConfirmationId = asked.confirmation_id.unwrap().parse().unwrap();
    let digest = asked.digest.unwrap().parse().unwrap();
    world.process.guard.confirm(confirmation, Answer::Yes, &digest, &ada()).await.unwrap();
    let merged: Value = server.post(&path, &wish).send().await.unwrap().json().await.unwrap();
    assert_eq!(merged["sha"].as_str(), world.repo.branch_sha("main").as_deref());
    assert_eq!(world.repo.branches(), ["main"]);
    let again: Value = server.post(&path, &wish).send().await.unwrap().json().await.unwrap();
    assert_eq!(again, merged);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_merged_says_why() {
    let desk = super::desk::Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let path = format!("/api/v1/tasks/{id}/merge");
    for query in ["", "?dry_run=true"] {
        let refused = problem(desk.server.post(&format!("{path}{query}"), &json!({})).send().await.unwrap()).await;
        assert_eq!((refused.status, refused.error.as_str()), (409, "conflict"), "{}", refused.message);
    }
    for (query, body, field) in [
        ("", json!({ "method": "octopus" }), "method"),
        ("", json!({ "delete_branch": "yes" }), "delete_branch"),
        ("", json!({ "force": true }), "force"),
        ("?dry_run=maybe", json!({}), "dry_run"),
        ("?dryrun=true", json!({}), "dryrun"),
    ] {
        let problem = problem(desk.server.post(&format!("{path}{query}"), &body).send().await.unwrap()).await;
        assert_eq!((problem.status, problem.fields.keys().next().map(String::as_str)), (400, Some(field)), "{body}");
    }
}
