use opsmith_guard::{AuditOutcome, AuditRecord, ClientEntry, ClientId};
use opsmith_model::{Principal, Target};
use serde_json::{Value, json};

use super::desk::{Desk, problem};

const PATH: &str = "/api/v1/audit";

/// The first `length` links of a chain that a command on a laptop keeps.
fn chain(tale: &str, length: usize) -> Vec<ClientEntry> {
    let client: ClientId = "laptop".parse().unwrap();
    let mut links: Vec<ClientEntry> = Vec::new();
    for n in 0..length {
        let record = AuditRecord {
            principal: Principal::user("eve"),
            action: "pxrun.create".to_owned(),
            target: Target::new("pve01/ct/1250"),
            operation_key: format!("{tale}-{n}"),
            digest: None,
            outcome: AuditOutcome::Done,
            detail: json!({ "cost": 0.1 }),
        };
        let at = chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        links.push(ClientEntry::following(links.last(), &client, record, at));
    }
    links
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_store_hands_in_its_chain() {
    let desk = Desk::open().await;
    desk.create_task().await;
    let links = chain("a", 3);
    let answer = desk.post(PATH, &json!({ "entries": links[..2] })).await;
    assert_eq!(answer.status(), 200);
    let taken: Value = answer.json().await.unwrap();
    let chain = json!({ "client": "laptop", "entries": 2, "head": links[1].hash });
    assert_eq!(taken, json!({ "chain": chain, "recorded": 2 }));
    let again: Value = desk.post(PATH, &json!({ "entries": links })).await.json().await.unwrap();
    assert_eq!((&again["recorded"], &again["chain"]["entries"]), (&json!(1), &json!(3)));

    let listed = desk.json(PATH).await;
    let newest = &listed["entries"][0];
    assert_eq!(
        (&newest["seq"], &newest["action"], &newest["principal"]),
        (&json!(4), &json!("pxrun.create"), &json!("user:ada"))
    );
    assert_eq!(newest["client"], json!({ "id": "laptop", "seq": 3, "hash": links[2].hash }));
    assert_eq!((&newest["detail"]["entry"], &listed["entries"][3]["client"]), (&json!(links[2]), &Value::Null));
    let verified = desk.json("/api/v1/audit/verify").await;
    let clients = json!([{ "client": "laptop", "entries": 3, "head": links[2].hash }]);
    assert_eq!((&verified["entries"], &verified["clients"]), (&json!(4), &clients));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_continue_the_chain_is_refused() {
    let desk = Desk::open().await;
    let links = chain("a", 4);
    assert_eq!(desk.post(PATH, &json!({ "entries": links[..1] })).await.status(), 200);
    for (entries, says) in [(json!(links[2..]), "must be 2"), (json!(chain("b", 2)), "another chain")] {
        let refused = problem(desk.post(PATH, &json!({ "entries": entries })).await).await;
        assert_eq!((refused.status, refused.error.as_str()), (409, "conflict"));
        assert!(refused.message.contains(says) && refused.hint.is_some(), "{}", refused.message);
    }
    let mut changed = json!(links[1]);
    changed["target"] = json!("pve01/ct/1");
    let mut unknown = json!(links[1]);
    unknown["note"] = json!("x");
    let mut nameless = json!(links[1]);
    nameless["client"] = json!("../x");
    for (body, field) in [
        (json!({ "entries": [changed] }), "entries[0].hash"),
        (json!({ "entries": [unknown] }), "entries[0].note"),
        (json!({ "entries": [nameless] }), "entries[0].client"),
        (json!({ "entries": [] }), "entries"),
        (json!({ "entries": chain("a", 101) }), "entries"),
        (json!({}), "entries"),
        (json!({ "entries": [], "client": "x" }), "client"),
    ] {
        let refused = problem(desk.post(PATH, &body).await).await;
        let fields: Vec<&str> = refused.fields.keys().map(String::as_str).collect();
        assert_eq!((refused.status, fields), (400, vec![field]), "{}", refused.message);
    }
    let refused = problem(desk.post(PATH, &json!({ "entries": ["x".repeat(400_000)] })).await).await;
    assert_eq!((refused.status, refused.error.as_str()), (413, "too_large"));
    assert_eq!(desk.json("/api/v1/audit/verify").await["entries"], 1);
}
