//! How the platform's types look on the wire; only their schemas are used.
#![expect(dead_code, reason = "only their schemas are used")]

use ampx::http::shape::{Plan, Principal, PrincipalKind};
use chrono::{DateTime, Utc};
use serde_json::Value;
use utoipa::ToSchema;

/// A durable run.
#[derive(ToSchema)]
pub(super) struct Run {
    /// Its id, a ULID.
    id: String,
    /// Its kind, such as `ampx.task`.
    kind: String,
    /// What a person sees in a list.
    label: String,
    /// The handler's input.
    input: Value,
    /// Who asked.
    requested_by: Principal,
    /// Runs with the same key count together against the limit beside it.
    concurrency: Option<(String, u32)>,
    /// Higher starts sooner.
    priority: i32,
    /// Where it stands.
    state: RunState,
    /// Somebody wants it to stop.
    cancel_requested: bool,
    /// The run that this one tries again.
    retry_of: Option<String>,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When a worker first took it.
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
}

/// Where a run stands.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(super) enum RunState {
    /// Waiting for a worker, its key's limit or its time.
    Queued,
    /// A worker has it.
    Running {
        /// The worker.
        worker_id: String,
        /// Grows each time a worker takes the run up.
        epoch: i64,
    },
    /// It has ended.
    Finished {
        /// How.
        outcome: Outcome,
    },
}

/// How a run ended.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub(super) enum Outcome {
    /// The handler came to its end.
    Succeeded {
        /// What it answered.
        output: Value,
    },
    /// A step failed, and the handler gave up.
    Failed {
        /// Why.
        failure: StepFailure,
    },
    /// Somebody cancelled it.
    Cancelled,
}

/// Why a step did not do what it was for.
#[derive(ToSchema)]
pub(super) struct StepFailure {
    /// What sort of failure this is, such as `unavailable`.
    kind: String,
    /// What went wrong, one line.
    message: String,
    /// What to do next.
    hint: Option<String>,
}

/// A finished step of a run.
#[derive(ToSchema)]
pub(super) struct StepRecord {
    /// Its place in the run, from 0.
    position: i32,
    /// Its name.
    name: String,
    /// How it failed, if it did.
    failure: Option<String>,
    /// When it began.
    started_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
}

/// A worker as others see it.
#[derive(ToSchema)]
pub(super) struct Worker {
    /// Its locked id.
    id: String,
    /// Where it runs.
    host: String,
    /// Its process there.
    pid: i32,
    /// How many runs it takes at once.
    concurrency: i32,
    /// It ended in good order.
    stopped: bool,
    /// Its last sign of life, by its own clock.
    seen_at: DateTime<Utc>,
    /// How many runs it holds.
    running: u64,
}

/// A question to a person: may exactly this plan happen?
#[derive(ToSchema)]
pub(super) struct Confirmation {
    /// Its id, a ULID.
    id: String,
    /// The plan as it was shown.
    plan: Plan,
    /// The plan's digest; the answer must name it.
    digest: String,
    /// Which rules ask.
    reason: String,
    /// Where it stands.
    state: ConfirmationState,
    /// Who answered.
    answered_by: Option<Principal>,
    /// When it was asked.
    created_at: DateTime<Utc>,
    /// Until when it may be answered and, answered yes, first used.
    expires_at: DateTime<Utc>,
}

/// Where a confirmation stands.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConfirmationState {
    /// Nobody has answered.
    Pending,
    /// A person said yes, and no operation has used it.
    Yes,
    /// A person said no.
    No,
    /// One operation used the yes.
    Consumed,
}

/// A person's answer.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// It may happen.
    Yes,
    /// It may not.
    No,
}

/// One link of the audit chain.
#[derive(ToSchema)]
pub(super) struct AuditEntry {
    /// Its place, from 1, without gaps.
    seq: i64,
    /// Its id, a ULID.
    id: String,
    /// When it was recorded, by the recorder's clock; `seq` is the order.
    at: DateTime<Utc>,
    /// Who asked, as `kind:name`.
    principal: String,
    /// What was done.
    action: String,
    /// What it acted on, as a path.
    target: String,
    /// The operation it belongs to.
    operation_key: String,
    /// The digest of the plan, where there was one.
    digest: Option<String>,
    /// How it ended.
    outcome: AuditOutcome,
    /// Anything else worth keeping.
    detail: Value,
    /// The client's link that this entry holds, whole in `detail.entry`, where a client without a store handed it in;
    /// `principal` is then who handed it in.
    client: Option<ClientLink>,
    /// The hash of the entry before.
    previous_hash: String,
    /// SHA-256 over canonical JSON of all the fields above, `at` in microseconds since 1970, `client` only where there is one.
    hash: String,
}

/// Which link of which client's chain an entry holds.
#[derive(ToSchema)]
pub(super) struct ClientLink {
    /// The client.
    id: String,
    /// The link's place in the client's chain.
    seq: i64,
    /// The link's hash.
    hash: String,
}

/// One link of a client's own chain.
#[derive(ToSchema)]
pub(super) struct ClientEntry {
    /// Whose chain this is.
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{0,63}$")]
    client: String,
    /// Its place in the client's chain, from 1, without gaps.
    #[schema(minimum = 1)]
    seq: i64,
    /// When it happened, by the client's clock, in whole microseconds.
    at: DateTime<Utc>,
    /// Who asked, as the client says: `kind:name`.
    principal: String,
    /// What was done.
    #[schema(max_length = 100)]
    action: String,
    /// What it acted on, as a path.
    #[schema(max_length = 1024)]
    target: String,
    /// The operation it belongs to.
    #[schema(max_length = 1024)]
    operation_key: String,
    /// The digest of the plan, where there was one.
    digest: Option<String>,
    /// How it ended.
    outcome: AuditOutcome,
    /// Anything else worth keeping, at most 16 KiB; never a secret.
    detail: Value,
    /// The hash of the client's entry before; 64 zeros in the first.
    previous_hash: String,
    /// SHA-256 over canonical JSON (keys in byte order, no white space) of all the fields above, `at` in microseconds since 1970.
    hash: String,
}

/// How far a client's chain is recorded here.
#[derive(ToSchema)]
pub(super) struct ClientChain {
    /// The client.
    client: String,
    /// How many links it has.
    entries: i64,
    /// The newest link's hash; the next one builds on it.
    head: String,
}

/// What came of handing in entries.
#[derive(ToSchema)]
pub(super) struct TakenEntries {
    /// How far the client's chain is recorded now.
    chain: ClientChain,
    /// How many of the entries were new; the others were here before, and the same.
    recorded: usize,
}

/// How a recorded action ended.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuditOutcome {
    /// It was done.
    Done,
    /// It was refused by policy or by a person.
    Refused,
    /// It was tried and failed.
    Failed,
}

/// The state of a chain that holds.
#[derive(ToSchema)]
pub(super) struct Chain {
    /// How many entries it has.
    entries: i64,
    /// The newest entry's hash; keep it elsewhere to notice a rewritten chain.
    head: String,
    /// The clients' chains whose links it holds, by name.
    clients: Vec<ClientChain>,
}

/// A token, without its text.
#[derive(ToSchema)]
pub(super) struct Token {
    /// Its id, a ULID and a part of its text.
    id: String,
    /// The name of whoever it stands for.
    name: String,
    /// What sort of principal that is; only a user's token can answer for a person.
    kind: PrincipalKind,
    /// How much it may.
    role: Role,
    /// Who made it.
    created_by: Principal,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// Its end, if it has one.
    expires_at: Option<DateTime<Utc>>,
    /// When it was revoked, if it was.
    revoked_at: Option<DateTime<Utc>>,
    /// Its last use, true to a minute.
    last_used_at: Option<DateTime<Utc>>,
}

/// How much a token may; each role may all that the one before may.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    /// Reads.
    Viewer,
    /// Starts, continues and ends work; if a person, answers too.
    Operator,
    /// Everything, tokens included.
    Admin,
}
