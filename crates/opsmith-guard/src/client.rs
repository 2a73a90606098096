//! Chains that clients without a store keep themselves, link by link taken into ours.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use opsmith_model::{Digest, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::GENESIS;
use crate::{AuditOutcome, AuditRecord, ClientChainError};

const MOST_ID_BYTES: usize = 64;
const MOST_ACTION_BYTES: usize = 100;
const MOST_WORDS_BYTES: usize = 1_024;
const MOST_DETAIL_BYTES: usize = 16 * 1_024;

/// The name of a client's chain: 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// A text that names no client.
#[derive(Debug, thiserror::Error)]
#[error("a client's name has 1 to 64 of `a-z`, `0-9`, `.`, `_` and `-`, and begins with a letter or a digit")]
pub struct ParseClientIdError;

impl FromStr for ClientId {
    type Err = ParseClientIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let begins = text.bytes().next().is_some_and(plain);
        let holds = text.len() <= MOST_ID_BYTES && text.bytes().all(|byte| plain(byte) || b"._-".contains(&byte));
        if begins && holds { Ok(Self(text.to_owned())) } else { Err(ParseClientIdError) }
    }
}

impl TryFrom<String> for ClientId {
    type Error = ParseClientIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ClientId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One link of a client's own chain. Its hash covers the client's name, so no chain passes for another client's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    /// Whose chain this is.
    pub client: ClientId,
    /// Its place in the client's chain, from 1, without gaps.
    pub seq: i64,
    /// When it happened, by the client's clock, in whole microseconds.
    pub at: DateTime<Utc>,
    /// Who asked, as the client says: `kind:name`.
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
    /// Anything else worth keeping; never a secret.
    pub detail: Value,
    /// The hash of the client's entry before; 64 zeros in the first.
    pub previous_hash: String,
    /// SHA-256 over canonical JSON of all the fields above, `at` in microseconds since 1970.
    pub hash: String,
}

impl ClientEntry {
    /// The next link of `client`'s chain, after the link `last`.
    pub fn following(last: Option<&Self>, client: &ClientId, record: AuditRecord, at: DateTime<Utc>) -> Self {
        let mut entry = Self {
            client: client.clone(),
            seq: last.map_or(1, |last| last.seq + 1),
            at,
            principal: record.principal.to_string(),
            action: record.action,
            target: record.target.as_str().to_owned(),
            operation_key: record.operation_key,
            digest: record.digest.map(|digest| digest.to_string()),
            outcome: record.outcome,
            detail: record.detail,
            previous_hash: last.map_or_else(|| GENESIS.to_owned(), |last| last.hash.clone()),
            hash: String::new(),
        };
        entry.hash = entry.computed_hash();
        entry
    }

    /// The hash that the other fields give.
    pub fn computed_hash(&self) -> String {
        let fields = json!({
            "client": self.client,
            "seq": self.seq,
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
        Digest::of_json(&fields).as_str().to_owned()
    }

    /// Checks what the entry alone can show: its form, its size and its hash.
    pub(crate) fn check(&self) -> Result<(), ClientChainError> {
        let wrong = |field, reason: String| ClientChainError::Invalid { seq: self.seq, field, reason };
        if self.seq < 1 {
            return Err(wrong("seq", "must be at least 1".to_owned()));
        }
        if !self.at.timestamp_subsec_nanos().is_multiple_of(1_000) {
            return Err(wrong("at", "must be in whole microseconds".to_owned()));
        }
        self.principal.parse::<Principal>().map_err(|error| wrong("principal", error.to_string()))?;
        for (field, text, most) in [
            ("principal", &self.principal, MOST_WORDS_BYTES),
            ("action", &self.action, MOST_ACTION_BYTES),
            ("target", &self.target, MOST_WORDS_BYTES),
            ("operation_key", &self.operation_key, MOST_WORDS_BYTES),
        ] {
            if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
                return Err(wrong(field, format!("must have 1 to {most} bytes and no control characters")));
            }
        }
        if let Some(digest) = &self.digest {
            digest.parse::<Digest>().map_err(|error| wrong("digest", error.to_string()))?;
        }
        self.previous_hash.parse::<Digest>().map_err(|error| wrong("previous_hash", error.to_string()))?;
        let detail_bytes = self.detail.to_string().len();
        if detail_bytes > MOST_DETAIL_BYTES {
            return Err(wrong("detail", format!("must have at most {MOST_DETAIL_BYTES} bytes, has {detail_bytes}")));
        }
        if self.computed_hash() != self.hash {
            return Err(wrong("hash", "is not that of the other fields".to_owned()));
        }
        Ok(())
    }
}

/// Which link of which client's chain an entry of ours holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientLink {
    /// The client.
    pub id: ClientId,
    /// The link's place in the client's chain.
    pub seq: i64,
    /// The link's hash.
    pub hash: String,
}

/// How far a client's chain is recorded here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientChain {
    /// The client.
    pub client: ClientId,
    /// How many links it has.
    pub entries: i64,
    /// The newest link's hash; the next one builds on it.
    pub head: String,
}

impl ClientChain {
    /// A chain without links.
    pub(crate) fn new(client: ClientId) -> Self {
        Self { client, entries: 0, head: GENESIS.to_owned() }
    }

    /// Goes on by the link that entry `seq` of our chain holds, or says why it is none.
    pub(crate) fn extend(&mut self, link: &ClientLink, detail: &Value) -> Result<(), &'static str> {
        let entry = ClientEntry::deserialize(&detail["entry"]).map_err(|_| "its client's entry is not readable")?;
        if (&entry.client, entry.seq, &entry.hash) != (&link.id, link.seq, &link.hash) {
            return Err("it holds another client's entry than it says");
        }
        if entry.computed_hash() != entry.hash {
            return Err("the content of its client's entry was changed");
        }
        if entry.seq != self.entries + 1 || entry.previous_hash != self.head {
            return Err("its client's entry does not build on the client's entry before");
        }
        (self.entries, self.head) = (entry.seq, entry.hash);
        Ok(())
    }
}

/// What came of handing in entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenEntries {
    /// How far the client's chain is recorded now.
    pub chain: ClientChain,
    /// How many of the entries were new; the others were here before, and the same.
    pub recorded: usize,
}

#[cfg(test)]
mod tests {
    use super::ClientId;

    #[test]
    fn a_clients_name_is_plain() {
        for good in ["a", "pxrun-ada.laptop_2", "0", &"x".repeat(64)] {
            assert!(good.parse::<ClientId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", ".", "A", "a b", "a/b", "é", &"x".repeat(65)] {
            assert!(bad.parse::<ClientId>().is_err(), "{bad}");
        }
    }
}
