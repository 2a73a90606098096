use std::collections::BTreeSet;

use chrono::DateTime;
use opsmith_guard::tokens::{Role, Token};
use opsmith_guard::{
    Answer, AuditEntry, AuditOutcome, AuditRecord, Chain, ClientChain, ClientEntry, ClientId, ClientLink, Confirmation,
    ConfirmationState, TakenEntries,
};
use opsmith_model::{AuditId, ConfirmationId, ErrorKind, Principal, PrincipalKind, RunId, Target, TokenId};
use opsmith_runs::{Outcome, Run, RunState, StepFailure, StepRecord, WorkerRow};
use reqwest::Method;
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::desk::{Desk, merge, problem};
use crate::http::shape;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/opsmith.json");

#[test]
fn the_committed_document_is_the_generated_one() {
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    let generated = crate::http::openapi().to_pretty_json().unwrap();
    assert!(
        committed.trim_end() == generated,
        "openapi/opsmith.json is not what the routes say; write it anew:\n  \
         cargo run -p opsmith -- openapi > openapi/opsmith.json"
    );
}

#[test]
fn the_document_tells_every_schema_it_names() {
    let text = crate::http::openapi().to_json().unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            assert!(!path.contains("{id}") || responses.contains_key("404"), "{method} {path}");
            let open = operation["security"].as_array().unwrap().is_empty();
            // What checks a signature of its own may refuse one.
            for status in ["401", "403", "429"] {
                assert!(open || responses.contains_key(status), "{status} of {method} {path}");
            }
            assert_eq!(operation["description"].as_str().unwrap_or("").contains("Needs the role"), !open, "{path}");
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} names two operations");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_answers() {
    let desk = Desk::open().await;
    let document = desk.json("/openapi.json").await;
    assert_eq!(document, serde_json::to_value(crate::http::openapi()).unwrap());
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for id in ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "zzzz"] {
                let request = desk.request(method.clone(), &path.replace("{id}", id));
                let request = match (path.rsplit('/').next().unwrap(), &method) {
                    ("cancel" | "retry", _) | (_, &Method::GET) => request,
                    ("merge", _) => request.json(&json!({})),
                    ("tokens", _) => request.json(&json!({ "name": "" })),
                    (_, &Method::PATCH) => request.json(&json!({ "action": "abort" })),
                    (_, _) => request.json(&json!({ "decision": "yes", "digest": "a".repeat(64) })),
                };
                let answer = request.send().await.unwrap();
                if path.contains("{id}") || path.starts_with("/webhooks/") {
                    assert_eq!(problem(answer).await.status, 404, "{method} {path}");
                } else if method == Method::GET {
                    assert_eq!(answer.status(), 200, "{method} {path}");
                } else {
                    assert_eq!(problem(answer).await.status, 400, "{method} {path}");
                }
            }
        }
    }
}

/// The properties that a schema tells, of each of its variants if it has some.
fn told<T: PartialSchema>() -> Vec<BTreeSet<String>> {
    let schema = serde_json::to_value(T::schema()).unwrap();
    let variants = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema]);
    variants.iter().map(|variant| keys(&variant["properties"])).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn words<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap()["enum"].clone()
}

#[test]
fn what_is_told_of_a_run_is_what_is_sent() {
    let (at, ada) = (DateTime::UNIX_EPOCH, Principal::user("ada"));
    let failure = StepFailure { kind: ErrorKind::Failed, message: "no".to_owned(), hint: None };
    let outcomes =
        [Outcome::Succeeded { output: json!(1) }, Outcome::Failed { failure: failure.clone() }, Outcome::Cancelled];
    let states = [
        RunState::Queued,
        RunState::Running { worker_id: "w".to_owned(), epoch: 1 },
        RunState::Finished { outcome: Outcome::Cancelled },
    ];
    let run = Run {
        id: RunId::new(at),
        kind: "k".to_owned(),
        label: "l".to_owned(),
        input: json!({}),
        requested_by: ada,
        concurrency: Some(("key".to_owned(), 1)),
        priority: 0,
        state: RunState::Queued,
        cancel_requested: false,
        retry_of: None,
        created_at: at,
        started_at: None,
        finished_at: None,
    };
    let step = StepRecord { position: 0, name: "s".to_owned(), failure: None, started_at: None, finished_at: None };
    let worker = WorkerRow {
        id: "w".to_owned(),
        host: "h".to_owned(),
        pid: 1,
        concurrency: 1,
        stopped: false,
        seen_at: at,
        running: 0,
    };
    assert_eq!(told::<shape::Run>(), [keys(&json!(run))]);
    assert_eq!(told::<shape::RunState>(), states.map(|state| keys(&json!(state))));
    assert_eq!(told::<shape::Outcome>(), outcomes.map(|outcome| keys(&json!(outcome))));
    assert_eq!(told::<shape::StepFailure>(), [keys(&json!(failure))]);
    assert_eq!(told::<shape::StepRecord>(), [keys(&json!(step))]);
    assert_eq!(told::<shape::Worker>(), [keys(&json!(worker))]);
}

#[test]
fn what_is_told_of_a_token_is_what_is_sent() {
    let token = Token {
        id: TokenId::new(DateTime::UNIX_EPOCH),
        name: "ada".to_owned(),
        kind: PrincipalKind::User,
        role: Role::Viewer,
        created_by: Principal::user("ada"),
        created_at: DateTime::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    assert_eq!(told::<shape::Token>(), [keys(&json!(token))]);
    assert_eq!(words::<shape::Role>(), json!(Role::ALL));
}

#[test]
fn what_is_told_of_the_gate_is_what_is_sent() {
    let (at, plan) = (DateTime::UNIX_EPOCH, merge(Principal::user("ada")));
    let asked = Confirmation {
        id: ConfirmationId::new(at),
        digest: plan.digest(),
        plan,
        reason: "r".to_owned(),
        state: ConfirmationState::Pending,
        answered_by: None,
        created_at: at,
        expires_at: at,
    };
    let client: ClientId = "laptop".parse().unwrap();
    let link = ClientLink { id: client.clone(), seq: 1, hash: String::new() };
    let own = ClientChain { client: client.clone(), entries: 1, head: String::new() };
    let entry = AuditEntry {
        seq: 1,
        id: AuditId::new(at),
        at,
        principal: "user:ada".to_owned(),
        action: "ampx.merge".to_owned(),
        target: "a".to_owned(),
        operation_key: "k".to_owned(),
        digest: None,
        outcome: AuditOutcome::Done,
        detail: Value::Null,
        client: Some(link.clone()),
        previous_hash: String::new(),
        hash: String::new(),
    };
    let chain = Chain { entries: 1, head: String::new(), clients: Vec::new() };
    assert_eq!(told::<shape::Confirmation>(), [keys(&json!(asked))]);
    assert_eq!(told::<shape::AuditEntry>(), [keys(&json!(entry))]);
    let record = AuditRecord {
        principal: Principal::user("ada"),
        action: "pxrun.create".to_owned(),
        target: Target::new("a"),
        operation_key: "k".to_owned(),
        digest: None,
        outcome: AuditOutcome::Done,
        detail: Value::Null,
    };
    let sent = ClientEntry::following(None, &client, record, at);
    let taken = TakenEntries { chain: own.clone(), recorded: 1 };
    assert_eq!(told::<shape::Chain>(), [keys(&json!(chain))]);
    assert_eq!(told::<shape::ClientLink>(), [keys(&json!(link))]);
    assert_eq!(told::<shape::ClientChain>(), [keys(&json!(own))]);
    assert_eq!(told::<shape::ClientEntry>(), [keys(&json!(sent))]);
    assert_eq!(told::<shape::TakenEntries>(), [keys(&json!(taken))]);
    assert_eq!(words::<shape::Answer>(), json!([Answer::Yes, Answer::No]));
    assert_eq!(
        words::<shape::AuditOutcome>(),
        json!([AuditOutcome::Done, AuditOutcome::Refused, AuditOutcome::Failed])
    );
    use ConfirmationState as S;
    assert_eq!(words::<shape::ConfirmationState>(), json!([S::Pending, S::Yes, S::No, S::Consumed]));
}
