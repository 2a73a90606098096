use opsmith_guard::{Confirmation, Refusal};
use opsmith_model::Principal;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::desk::{Desk, merge, problem};

async fn ask(desk: &Desk, by: Principal) -> Confirmation {
    match desk.process.guard.authorize(&merge(by)).await.unwrap_err() {
        Refusal::ConfirmationRequired(asked) => *asked,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_seen_answered_once_and_lets_its_plan_happen() {
    let desk = Desk::open().await;
    let bot = Principal::agent("bot");
    let asked = ask(&desk, bot.clone()).await;
    let path = format!("/api/v1/confirmations/{}", asked.id);
    let pending = desk.json("/api/v1/confirmations").await;
    assert_eq!(pending["confirmations"], json!([asked]));
    assert_eq!(desk.json(&path).await, json!(asked));
    assert_eq!(desk.json("/api/v1/confirmations?limit=0").await["confirmations"], json!([]));

    let digest = asked.digest.as_str();
    for (body, status, field) in [
        (json!({ "decision": "yes" }), 400, "digest"),
        (json!({ "decision": "perhaps", "digest": digest }), 400, "decision"),
        (json!({ "decision": "yes", "digest": "abc" }), 400, "digest"),
        (json!({ "decision": "yes", "digest": digest.to_uppercase() }), 400, "digest"),
        (json!({ "decision": "yes", "digest": digest, "force": true }), 400, "force"),
        (json!({ "decision": "yes", "digest": "a".repeat(64) }), 409, ""),
    ] {
        let refused = problem(desk.post(&path, &body).await).await;
        assert_eq!((refused.status, refused.fields.keys().next().map_or("", |name| name)), (status, field), "{body}");
    }
    assert!(desk.process.guard.authorize(&merge(bot.clone())).await.is_err(), "nothing was confirmed yet");

    let yes = json!({ "decision": "yes", "digest": digest });
    let answered: Value = desk.post(&path, &yes).await.json().await.unwrap();
    assert_eq!((&answered["state"], &answered["answered_by"]), (&json!("yes"), &json!(Principal::user("ada"))));
    assert_eq!(problem(desk.post(&path, &yes).await).await.status, 409);
    assert_eq!(desk.json("/api/v1/confirmations").await["confirmations"], json!([]));
    assert_eq!(desk.process.guard.authorize(&merge(bot)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_cannot_answer() {
    let desk = Desk::of(Principal::agent("bot")).await;
    let asked = ask(&desk, Principal::agent("bot")).await;
    let body = json!({ "decision": "yes", "digest": asked.digest });
    let refused = problem(desk.post(&format!("/api/v1/confirmations/{}", asked.id), &body).await).await;
    assert_eq!((refused.status, refused.error.as_str()), (403, "denied"));
    assert_eq!(desk.json("/api/v1/confirmations").await["confirmations"][0]["state"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_is_listed_and_a_changed_entry_found() {
    let desk = Desk::open().await;
    assert_eq!(desk.json("/api/v1/audit/verify").await["entries"], 0);
    for _ in 0..3 {
        desk.create_task().await;
    }
    let page = desk.json("/api/v1/audit?limit=2").await;
    let entries = page["entries"].as_array().unwrap();
    assert_eq!(entries.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 2]);
    assert_eq!((&entries[0]["principal"], &entries[0]["action"]), (&json!("user:ada"), &json!("ampx.task_created")));
    assert_eq!(desk.json("/api/v1/audit?offset=2").await["entries"][0]["seq"], 1);
    let chain = desk.json("/api/v1/audit/verify").await;
    assert_eq!((&chain["entries"], &chain["head"]), (&json!(3), &entries[0]["hash"]));
    for query in ["limit=101", "offset=-1", "action=x"] {
        let refused = problem(desk.get(&format!("/api/v1/audit?{query}")).await).await;
        assert!(refused.status == 400 && refused.fields.len() == 1, "{query}: {}", refused.message);
    }

    let write = desk.process.store.write().await.unwrap();
    write.execute_unprepared("UPDATE guard_audit SET action = 'nothing' WHERE seq = 2").await.unwrap();
    write.commit().await.unwrap();
    let broken = problem(desk.get("/api/v1/audit/verify").await).await;
    assert!(
        broken.status == 500 && broken.error == "damaged" && broken.message.contains("entry 2"),
        "{}",
        broken.message
    );
}
