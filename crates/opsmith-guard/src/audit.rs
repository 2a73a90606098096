use chrono::{DateTime, Utc};
use opsmith_model::{AuditId, Digest, Principal, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ClientChain, ClientLink, Permit};

/// The hash that the first entry builds on.
pub(crate) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How a recorded action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused by policy or by a person.
    Refused,
    /// It was tried and failed.
    Failed,
}

/// What is to be recorded.
#[derive(Clone, Debug)]
pub struct AuditRecord {
    /// Who asked.
    pub principal: Principal,
    /// The effect's kind, or a word for a change of our own such as `ampx.task_created`.
    pub action: String,
    /// What it acted on.
    pub target: Target,
    /// The operation it belongs to.
    pub operation_key: String,
    /// The digest of the plan, where there was one.
    pub digest: Option<Digest>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Anything else worth keeping; never a secret.
    pub detail: Value,
}

impl AuditRecord {
    /// The record of an effect that happened under `permit`.
    pub fn of_effect(permit: &Permit, outcome: AuditOutcome, detail: &Value) -> Self {
        Self {
            principal: permit.principal().clone(),
            action: permit.effect().kind.as_str().to_owned(),
            target: permit.effect().target.clone(),
            operation_key: permit.operation_key().to_owned(),
            digest: Some(permit.digest().clone()),
            outcome,
            detail: json!({ "parameters": permit.effect().parameters, "result": detail }),
        }
    }
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place, from 1, without gaps.
    pub seq: i64,
    /// Its id.
    pub id: AuditId,
    /// When it was recorded, by the recorder's clock; `seq` is the order.
    pub at: DateTime<Utc>,
    /// Who asked, as `kind:name`.
    pub principal: String,
    /// What was done.
    pub action: String,
    /// What it acted on.
    pub target: String,
    /// The operation it belongs to.
    pub operation_key: String,
    /// The digest of the plan, where there was one.
    pub digest: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Anything else worth keeping.
    pub detail: Value,
    /// The client's link that this entry holds, whole in `detail`, where a client without a store handed it in;
    /// `principal` is then who handed it in.
    pub client: Option<ClientLink>,
    /// The hash of the entry before.
    pub previous_hash: String,
    /// SHA-256 over canonical JSON of all the fields above.
    pub hash: String,
}

impl AuditEntry {
    /// The hash that the other fields give.
    pub fn computed_hash(&self) -> String {
        let mut fields = json!({
            "seq": self.seq,
            "id": self.id,
            "at": self.at.timestamp_micros(),
            "principal": self.principal,
            "action": self.action,
            "target": self.target,
            "operation_key": self.operation_key,
            "digest": self.digest,
            "outcome": self.outcome,
            "detail": self.detail,
            "previous_hash": self.previous_hash,
        });
        // Absent otherwise: entries from before there were clients keep their hashes.
        if let Some(client) = &self.client {
            fields["client"] = json!(client);
        }
        Digest::of_json(&fields).as_str().to_owned()
    }
}

/// The state of a chain that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// How many entries it has.
    pub entries: i64,
    /// The newest entry's hash; keep it elsewhere to notice a rewritten chain.
    pub head: String,
    /// The clients' chains whose links it holds, by name.
    pub clients: Vec<ClientChain>,
}
