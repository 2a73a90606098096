use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use opsmith_model::AuditId;
use opsmith_store::{Page, StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use crate::audit::GENESIS;
use crate::{AuditEntry, AuditOutcome, AuditRecord, ClientChain, ClientId, ClientLink};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "guard_audit")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub id: String,
    pub at: DateTimeUtc,
    pub principal: String,
    pub action: String,
    pub target: String,
    pub operation_key: String,
    pub digest: Option<String>,
    pub outcome: String,
    pub detail: String,
    pub previous_hash: String,
    pub hash: String,
    pub client: Option<String>,
    pub client_seq: Option<i64>,
    pub client_hash: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The newest entry's place and hash, in one row: a chain cut short does not match it.
pub(crate) mod head {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "guard_audit_head")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub seq: i64,
        pub hash: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl TryFrom<Model> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let unreadable = || StoreError::unreadable(format!("audit entry {}", row.seq));
        let outcome = match row.outcome.as_str() {
            "done" => AuditOutcome::Done,
            "refused" => AuditOutcome::Refused,
            "failed" => AuditOutcome::Failed,
            _ => return Err(unreadable()),
        };
        let client = match (&row.client, row.client_seq, &row.client_hash) {
            (Some(id), Some(seq), Some(hash)) => {
                Some(ClientLink { id: id.parse().map_err(|_| unreadable())?, seq, hash: hash.clone() })
            }
            (None, None, None) => None,
            (_, _, _) => return Err(unreadable()),
        };
        Ok(Self {
            seq: row.seq,
            id: row.id.parse().map_err(|_| unreadable())?,
            at: row.at,
            detail: serde_json::from_str(&row.detail).map_err(|_| unreadable())?,
            principal: row.principal,
            action: row.action,
            target: row.target,
            operation_key: row.operation_key,
            digest: row.digest,
            outcome,
            client,
            previous_hash: row.previous_hash,
            hash: row.hash,
        })
    }
}

/// The newest entry's place and hash; the beginning where there is none.
pub(crate) async fn read_head<C: ConnectionTrait>(db: &C) -> Result<(i64, String), StoreError> {
    let row = head::Entity::find_by_id(1).one(db).await?;
    Ok(row.map_or_else(|| (0, GENESIS.to_owned()), |head| (head.seq, head.hash)))
}

/// Adds one entry to the chain inside the caller's transaction.
pub(crate) async fn append(
    db: &Write,
    record: AuditRecord,
    client: Option<ClientLink>,
    at: DateTime<Utc>,
) -> Result<AuditEntry, StoreError> {
    take_turns(db).await?;
    let (last, previous_hash) = read_head(&**db).await?;
    let mut entry = AuditEntry {
        seq: last + 1,
        id: AuditId::new(at),
        at,
        principal: record.principal.to_string(),
        action: record.action,
        target: record.target.as_str().to_owned(),
        operation_key: record.operation_key,
        digest: record.digest.map(|digest| digest.to_string()),
        outcome: record.outcome,
        detail: record.detail,
        client,
        previous_hash,
        hash: String::new(),
    };
    entry.hash = entry.computed_hash();
    let row = ActiveModel {
        seq: Set(entry.seq),
        id: Set(entry.id.to_string()),
        at: Set(entry.at),
        principal: Set(entry.principal.clone()),
        action: Set(entry.action.clone()),
        target: Set(entry.target.clone()),
        operation_key: Set(entry.operation_key.clone()),
        digest: Set(entry.digest.clone()),
        outcome: Set(outcome_word(entry.outcome).to_owned()),
        detail: Set(entry.detail.to_string()),
        previous_hash: Set(entry.previous_hash.clone()),
        hash: Set(entry.hash.clone()),
        client: Set(entry.client.as_ref().map(|client| client.id.to_string())),
        client_seq: Set(entry.client.as_ref().map(|client| client.seq)),
        client_hash: Set(entry.client.as_ref().map(|client| client.hash.clone())),
    };
    Entity::insert(row).exec_without_returning(&**db).await?;
    let head = head::ActiveModel { id: Set(1), seq: Set(entry.seq), hash: Set(entry.hash.clone()) };
    let newest = sea_orm::sea_query::OnConflict::column(head::Column::Id)
        .update_columns([head::Column::Seq, head::Column::Hash])
        .to_owned();
    head::Entity::insert(head).on_conflict(newest).exec_without_returning(&**db).await?;
    Ok(entry)
}

/// Waits until nobody else adds to the chain, and keeps them waiting until the commit.
pub(crate) async fn take_turns(db: &Write) -> Result<(), StoreError> {
    db.take_turns("guard.audit").await
}

/// How far a client's chain is recorded.
pub(crate) async fn client_chain(db: &Write, client: &ClientId) -> Result<ClientChain, StoreError> {
    let newest = Entity::find().filter(Column::Client.eq(client.as_str())).order_by_desc(Column::ClientSeq);
    let link = newest.one(&**db).await?.map(AuditEntry::try_from).transpose()?.and_then(|entry| entry.client);
    Ok(match link {
        Some(link) => ClientChain { client: link.id, entries: link.seq, head: link.hash },
        None => ClientChain::new(client.clone()),
    })
}

/// Who handed in the first link of a client's chain.
pub(crate) async fn client_owner(db: &Write, client: &ClientId) -> Result<Option<String>, StoreError> {
    let first = Entity::find().filter(Column::Client.eq(client.as_str())).order_by_asc(Column::ClientSeq);
    Ok(first.one(&**db).await?.map(AuditEntry::try_from).transpose()?.map(|entry| entry.principal))
}

/// The hashes of a client's recorded links from `first` to `last`, by their places.
pub(crate) async fn client_hashes(
    db: &Write,
    client: &ClientId,
    first: i64,
    last: i64,
) -> Result<BTreeMap<i64, String>, StoreError> {
    let some = Entity::find()
        .select_only()
        .columns([Column::ClientSeq, Column::ClientHash])
        .filter(Column::Client.eq(client.as_str()))
        .filter(Column::ClientSeq.between(first, last));
    Ok(some.into_tuple::<(i64, String)>().all(&**db).await?.into_iter().collect())
}

const fn outcome_word(outcome: AuditOutcome) -> &'static str {
    match outcome {
        AuditOutcome::Done => "done",
        AuditOutcome::Refused => "refused",
        AuditOutcome::Failed => "failed",
    }
}

/// Whether the same effect of the same operation is in the chain already; what a client says of itself does not count.
pub(crate) async fn is_recorded(db: &Write, record: &AuditRecord) -> Result<bool, StoreError> {
    let same = Entity::find()
        .filter(Column::OperationKey.eq(record.operation_key.as_str()))
        .filter(Column::Action.eq(record.action.as_str()))
        .filter(Column::Outcome.eq(outcome_word(record.outcome)))
        .filter(Column::Digest.eq(record.digest.as_ref().map(ToString::to_string)))
        .filter(Column::Client.is_null());
    Ok(same.one(&**db).await?.is_some())
}

/// The entries after `seq`, oldest first.
pub(crate) async fn after<C: ConnectionTrait>(db: &C, seq: i64, limit: u64) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = Entity::find().filter(Column::Seq.gt(seq)).order_by_asc(Column::Seq).limit(limit).all(db).await?;
    rows.into_iter().map(AuditEntry::try_from).collect()
}

/// The entries, newest first.
pub(crate) async fn newest<C: ConnectionTrait>(db: &C, page: Page) -> Result<Vec<AuditEntry>, StoreError> {
    let rows = Entity::find().order_by_desc(Column::Seq).limit(page.limit).offset(page.offset).all(db).await?;
    rows.into_iter().map(AuditEntry::try_from).collect()
}
