use chrono::{DateTime, Utc};
use opsmith_model::{ConfirmationId, Digest, Plan, Principal};
use serde::{Deserialize, Serialize};

/// A question to a person: may exactly this plan happen?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Its id.
    pub id: ConfirmationId,
    /// The plan as it was shown.
    pub plan: Plan,
    /// The plan's digest; the answer must name it.
    pub digest: Digest,
    /// Which rules ask.
    pub reason: String,
    /// Where it stands.
    pub state: ConfirmationState,
    /// Who answered.
    pub answered_by: Option<Principal>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// Until when it may be answered and, answered yes, first used.
    pub expires_at: DateTime<Utc>,
}

/// Where a [`Confirmation`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmationState {
    /// Nobody has answered.
    Pending,
    /// A person said yes, and no operation has used it.
    Yes,
    /// A person said no.
    No,
    /// One operation used the yes; only that one may use it again, after a restart.
    Consumed,
}

/// A person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It may happen.
    Yes,
    /// It may not.
    No,
}
