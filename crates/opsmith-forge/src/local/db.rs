use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder};

use super::{PullRequest, PullRequestState};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "forge_pull_requests")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    pub repository: String,
    pub head: String,
    pub base: String,
    pub head_sha: String,
    pub title: String,
    pub body: String,
    pub state: String,
    pub merged_sha: Option<String>,
    pub opened_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

const OPEN: &str = "open";
const MERGED: &str = "merged";
const CLOSED: &str = "closed";

impl TryFrom<Model> for PullRequest {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let state = match (row.state.as_str(), row.merged_sha) {
            (OPEN, _) => PullRequestState::Open,
            (MERGED, Some(sha)) => PullRequestState::Merged { sha },
            (CLOSED, _) => PullRequestState::Closed,
            (_, _) => return Err(StoreError::unreadable(format!("pull request {}", row.number))),
        };
        Ok(Self {
            number: row.number,
            repository: row.repository,
            head: row.head,
            base: row.base,
            head_sha: row.head_sha,
            title: row.title,
            body: row.body,
            state,
            opened_at: row.opened_at,
        })
    }
}

/// The newest pull request of a branch.
pub(super) async fn of_head<C: ConnectionTrait>(
    db: &C,
    repository: &str,
    head: &str,
) -> Result<Option<PullRequest>, StoreError> {
    let row = Entity::find()
        .filter(Column::Repository.eq(repository))
        .filter(Column::Head.eq(head))
        .order_by_desc(Column::Number)
        .one(db)
        .await?;
    row.map(PullRequest::try_from).transpose()
}

/// Writes a pull request, and gives its number; 0 asks for a new one.
pub(super) async fn save(db: &Write, pull: &PullRequest) -> Result<i64, StoreError> {
    let (state, merged_sha) = match &pull.state {
        PullRequestState::Open => (OPEN, None),
        PullRequestState::Merged { sha } => (MERGED, Some(sha.clone())),
        PullRequestState::Closed => (CLOSED, None),
    };
    let row = Model {
        number: pull.number,
        repository: pull.repository.clone(),
        head: pull.head.clone(),
        base: pull.base.clone(),
        head_sha: pull.head_sha.clone(),
        title: pull.title.clone(),
        body: pull.body.clone(),
        state: state.to_owned(),
        merged_sha,
        opened_at: pull.opened_at,
    };
    let mut row = row.into_active_model().reset_all();
    if pull.number != 0 {
        return Ok(Entity::update(row).exec(&**db).await?.number);
    }
    row.number = sea_orm::ActiveValue::NotSet;
    row.opened_at = Set(pull.opened_at);
    Ok(Entity::insert(row).exec(&**db).await?.last_insert_id)
}
