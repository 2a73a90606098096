use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{Duration, TimeDelta};
use opsmith_model::{Clock, ConfirmationId, Decision, Digest, Plan, Principal, PrincipalKind, Target};
use opsmith_store::{Page, Store, Write};
use serde_json::{Value, json};

use crate::audit::{AuditEntry, AuditOutcome, AuditRecord, Chain};
use crate::db;
use crate::secrets::Redactor;
use crate::tokens::Tokens;
use crate::{
    Answer, ClientChain, ClientChainError, ClientEntry, ClientId, ClientLink, Confirmation, ConfirmationState,
    GuardError, Permit, Policy, Refusal, TakenEntries,
};

/// How long a confirmation may be answered and, answered yes, first used.
const CONFIRMATION_TTL: TimeDelta = Duration::hours(24);
const CHAIN_BATCH: u64 = 1_000;

/// The gate; cheap to clone.
#[derive(Clone, Debug)]
pub struct Guard {
    store: Store,
    clock: Clock,
    policy: Arc<Policy>,
    redactor: Option<Redactor>,
}

impl Guard {
    /// A gate over `store` that decides by `policy`.
    pub fn new(store: Store, clock: Clock, policy: Policy) -> Self {
        Self { store, clock, policy: Arc::new(policy), redactor: None }
    }

    /// The same gate; secrets are taken out of what it records.
    pub fn redacting(self, redactor: Redactor) -> Self {
        Self { redactor: Some(redactor), ..self }
    }

    /// The tokens of the API, in the same store; what is done with them goes into the chain.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.clone(), self.store.clone(), self.clock.clone())
    }

    /// What the policy says of each effect of `plan`, in order; nothing is written.
    pub fn decide(&self, plan: &Plan) -> Vec<Decision> {
        plan.effects.iter().map(|effect| self.policy.decide(effect, &plan.operation.principal)).collect()
    }

    /// Mints one permit for each effect of `plan`, in order, or says why not.
    ///
    /// A yes is used up by the first operation that brings its digest; the same operation key gets its permits
    /// again, so that a run goes on after a restart.
    pub async fn authorize(&self, plan: &Plan) -> Result<Vec<Permit>, Refusal> {
        let mut asking = Vec::new();
        for (effect, decision) in plan.effects.iter().zip(self.decide(plan)) {
            match decision {
                Decision::Allow => {}
                Decision::Confirm(reason) => asking.push(reason),
                Decision::Deny(reason) => {
                    self.record_denial(plan, &reason).await?;
                    return Err(Refusal::Denied { effect: effect.kind.clone(), target: effect.target.clone(), reason });
                }
            }
        }
        if !asking.is_empty() {
            self.require_confirmation(plan, asking).await?;
        }
        let (digest, operation) = (plan.digest(), &plan.operation);
        let mint = |effect: &opsmith_model::Effect| {
            Permit::mint(operation.principal.clone(), effect.clone(), digest.clone(), operation.key.clone())
        };
        Ok(plan.effects.iter().map(mint).collect())
    }

    async fn record_denial(&self, plan: &Plan, reason: &str) -> Result<(), GuardError> {
        let write = self.store.write().await?;
        self.record_once(&write, of_plan(plan, AuditOutcome::Refused, json!({ "reason": reason }))).await?;
        Ok(write.commit().await?)
    }

    /// Adds an entry, unless the same of the same operation is there: it is done again after a kill.
    async fn record_once(&self, write: &Write, record: AuditRecord) -> Result<(), GuardError> {
        // Before the look, so that no other can add it between the look and the entry.
        db::audit::take_turns(write).await?;
        if !db::audit::is_recorded(write, &record).await? {
            self.record(write, record).await?;
        }
        Ok(())
    }

    async fn require_confirmation(&self, plan: &Plan, mut reasons: Vec<String>) -> Result<(), Refusal> {
        let (now, digest) = (self.clock.now(), plan.digest());
        let write = self.store.write().await.map_err(GuardError::from)?;
        write.take_turns("guard.confirmations").await.map_err(GuardError::from)?;
        let consumed = db::confirmations::consume(&write, &digest, &plan.operation.key, now).await;
        if consumed.map_err(GuardError::from)? {
            write.commit().await.map_err(GuardError::from)?;
            return Ok(());
        }
        let pending = db::confirmations::pending_for(&write, &digest, &plan.operation.principal, now).await;
        if let Some(pending) = pending.map_err(GuardError::from)? {
            return Err(Refusal::ConfirmationRequired(Box::new(pending)));
        }
        reasons.dedup();
        let asked = Confirmation {
            id: ConfirmationId::new(now),
            plan: plan.clone(),
            digest,
            reason: reasons.join(", "),
            state: ConfirmationState::Pending,
            answered_by: None,
            created_at: now,
            expires_at: now + CONFIRMATION_TTL,
        };
        db::confirmations::insert(&write, &asked).await.map_err(GuardError::from)?;
        write.commit().await.map_err(GuardError::from)?;
        Err(Refusal::ConfirmationRequired(Box::new(asked)))
    }

    /// Takes a person's answer: once, in time, for exactly that digest, by someone whom the policy does not deny.
    pub async fn confirm(
        &self,
        id: ConfirmationId,
        answer: Answer,
        digest: &Digest,
        by: &Principal,
    ) -> Result<Confirmation, GuardError> {
        let write = self.store.write().await?;
        let asked = db::confirmations::find(&*write, id).await?.ok_or(GuardError::NoSuchConfirmation(id))?;
        self.check_answer(&asked, digest, by)?;
        let (state, outcome) = match answer {
            Answer::Yes => (ConfirmationState::Yes, AuditOutcome::Done),
            Answer::No => (ConfirmationState::No, AuditOutcome::Refused),
        };
        if !db::confirmations::answer(&write, id, state, by).await? {
            return Err(GuardError::AlreadyAnswered(id));
        }
        let mut record = of_plan(&asked.plan, outcome, json!({ "confirmation": id, "of": asked.plan.operation.kind }));
        record.principal = by.clone();
        record.action = "confirmation.answered".to_owned();
        self.record(&write, record).await?;
        write.commit().await?;
        Ok(Confirmation { state, answered_by: Some(by.clone()), ..asked })
    }

    fn check_answer(&self, asked: &Confirmation, digest: &Digest, by: &Principal) -> Result<(), GuardError> {
        let may_not = |reason| GuardError::MayNotConfirm { principal: by.to_string(), reason };
        if by.kind != PrincipalKind::User {
            return Err(may_not("only a person can"));
        }
        if asked.plan.effects.iter().any(|effect| matches!(self.policy.decide(effect, by), Decision::Deny(_))) {
            return Err(may_not("the policy denies it to them"));
        }
        if asked.state != ConfirmationState::Pending {
            return Err(GuardError::AlreadyAnswered(asked.id));
        }
        if asked.expires_at <= self.clock.now() {
            return Err(GuardError::Expired(asked.id));
        }
        // The stored plan is digested again: a plan changed in the database no longer fits the answer.
        if asked.digest != *digest || asked.plan.digest() != *digest {
            return Err(GuardError::OtherDigest(asked.id));
        }
        Ok(())
    }

    /// One confirmation.
    pub async fn confirmation(&self, id: ConfirmationId) -> Result<Confirmation, GuardError> {
        db::confirmations::find(self.store.read(), id).await?.ok_or(GuardError::NoSuchConfirmation(id))
    }

    /// The confirmations that wait for an answer, oldest first.
    pub async fn pending(&self, limit: u64) -> Result<Vec<Confirmation>, GuardError> {
        Ok(db::confirmations::pending(self.store.read(), self.clock.now(), limit).await?)
    }

    /// How many confirmations wait for an answer.
    pub async fn count_pending(&self) -> Result<u64, GuardError> {
        Ok(db::confirmations::count_pending(self.store.read(), self.clock.now()).await?)
    }

    /// Adds an entry to the audit chain, in the transaction of the change that it records.
    pub async fn record(&self, write: &Write, mut record: AuditRecord) -> Result<AuditEntry, GuardError> {
        if let Some(redactor) = &self.redactor {
            redactor.redact_json(&mut record.detail);
        }
        Ok(db::audit::append(write, record, None, self.clock.now()).await?)
    }

    /// Records an effect that happened under `permit`, in the transaction of the change; a step that is done again
    /// after a kill finds its entry there and adds none.
    pub async fn record_effect(
        &self,
        write: &Write,
        permit: &Permit,
        outcome: AuditOutcome,
        detail: &Value,
    ) -> Result<(), GuardError> {
        self.record_once(write, AuditRecord::of_effect(permit, outcome, detail)).await
    }

    /// Takes links of a client's own chain into ours, all of them or none. They are in order and of one client; ones
    /// that are here already must be the same, and the others must go on where the client's chain ends here.
    ///
    /// `by` is who hands them in; what the entries say of who asked is the client's word.
    pub async fn take_client_entries(
        &self,
        entries: &[ClientEntry],
        by: &Principal,
    ) -> Result<TakenEntries, ClientChainError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Err(ClientChainError::Empty) };
        for entry in entries {
            entry.check()?;
        }
        for (before, entry) in entries.iter().zip(&entries[1..]) {
            if entry.client != first.client || before.seq.checked_add(1) != Some(entry.seq) {
                return Err(ClientChainError::Unordered { client: first.client.clone(), seq: entry.seq });
            }
        }
        let write = self.store.write().await.map_err(GuardError::from)?;
        db::audit::take_turns(&write).await.map_err(GuardError::from)?;
        let mut chain = db::audit::client_chain(&write, &first.client).await.map_err(GuardError::from)?;
        let owner = db::audit::client_owner(&write, &first.client).await.map_err(GuardError::from)?;
        if owner.is_some_and(|owner| owner != by.to_string()) {
            return Err(ClientChainError::NotYours { client: first.client.clone(), principal: by.to_string() });
        }
        let known = db::audit::client_hashes(&write, &first.client, first.seq, last.seq).await;
        let known = known.map_err(GuardError::from)?;
        let mut recorded = 0;
        for entry in entries {
            match known.get(&entry.seq) {
                Some(hash) if *hash == entry.hash => continue,
                Some(_) => return Err(ClientChainError::Fork { client: entry.client.clone(), seq: entry.seq }),
                None => {}
            }
            if entry.seq != chain.entries + 1 {
                return Err(ClientChainError::Gap { next: chain.entries + 1, seq: entry.seq, client: chain.client });
            }
            if entry.previous_hash != chain.head {
                return Err(ClientChainError::Fork { client: entry.client.clone(), seq: entry.seq });
            }
            self.append_client_entry(&write, entry, by).await?;
            (chain.entries, chain.head) = (entry.seq, entry.hash.clone());
            recorded += 1;
        }
        write.commit().await.map_err(GuardError::from)?;
        Ok(TakenEntries { chain, recorded })
    }

    async fn append_client_entry(&self, write: &Write, entry: &ClientEntry, by: &Principal) -> Result<(), GuardError> {
        let record = AuditRecord {
            principal: by.clone(),
            action: entry.action.clone(),
            target: Target::new(&entry.target),
            operation_key: entry.operation_key.clone(),
            // Of the form of one, as the entry's check has seen.
            digest: entry.digest.as_deref().and_then(|digest| digest.parse().ok()),
            outcome: entry.outcome,
            detail: json!({ "entry": entry }),
        };
        let link = ClientLink { id: entry.client.clone(), seq: entry.seq, hash: entry.hash.clone() };
        db::audit::append(write, record, Some(link), self.clock.now()).await?;
        Ok(())
    }

    /// Audit entries, newest first.
    pub async fn audit(&self, page: Page) -> Result<Vec<AuditEntry>, GuardError> {
        Ok(db::audit::newest(self.store.read(), page).await?)
    }

    /// Audit entries after `seq`, oldest first, for an export.
    pub async fn audit_after(&self, seq: i64, limit: u64) -> Result<Vec<AuditEntry>, GuardError> {
        Ok(db::audit::after(self.store.read(), seq, limit).await?)
    }

    /// Checks every link of the chain, that its end is the recorded one, and the clients' chains within it.
    pub async fn verify(&self) -> Result<Chain, GuardError> {
        let (mut seq, mut hash) = (0, crate::audit::GENESIS.to_owned());
        let mut clients: BTreeMap<ClientId, ClientChain> = BTreeMap::new();
        // Read before the entries: what is appended meanwhile only makes the chain longer than this.
        let (head_seq, head_hash) = db::audit::read_head(self.store.read()).await?;
        loop {
            let entries = self.audit_after(seq, CHAIN_BATCH).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let broken = |reason| GuardError::ChainBroken { seq: entry.seq, reason };
                if entry.seq != seq + 1 {
                    return Err(GuardError::ChainBroken { seq: seq + 1, reason: "it is missing" });
                }
                if entry.previous_hash != hash {
                    return Err(broken("it does not build on the entry before"));
                }
                if entry.computed_hash() != entry.hash {
                    return Err(broken("its content was changed"));
                }
                if entry.seq == head_seq && entry.hash != head_hash {
                    return Err(broken("it is not the recorded end of the chain"));
                }
                if let Some(link) = &entry.client {
                    let chain = clients.entry(link.id.clone()).or_insert_with(|| ClientChain::new(link.id.clone()));
                    chain.extend(link, &entry.detail).map_err(broken)?;
                }
                (seq, hash) = (entry.seq, entry.hash);
            }
        }
        if seq < head_seq {
            return Err(GuardError::ChainBroken { seq: seq + 1, reason: "the chain was cut short" });
        }
        Ok(Chain { entries: seq, head: hash, clients: clients.into_values().collect() })
    }
}

fn of_plan(plan: &Plan, outcome: AuditOutcome, detail: Value) -> AuditRecord {
    AuditRecord {
        principal: plan.operation.principal.clone(),
        action: plan.operation.kind.clone(),
        target: plan.operation.target.clone(),
        operation_key: plan.operation.key.clone(),
        digest: Some(plan.digest()),
        outcome,
        detail,
    }
}
