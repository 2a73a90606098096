use opsmith_model::TaskId;
use opsmith_store::{StoreError, Write};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ampx_commits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sha: String,
    pub task_id: String,
    pub packed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Keeps a commit that is not pushed yet, for a worker on another machine.
pub(crate) async fn insert(db: &Write, task_id: TaskId, sha: &str, packed: Vec<u8>) -> Result<(), StoreError> {
    let row = ActiveModel { sha: Set(sha.to_owned()), task_id: Set(task_id.to_string()), packed: Set(packed) };
    let known = OnConflict::column(Column::Sha).do_nothing().to_owned();
    Entity::insert(row).on_conflict(known).exec_without_returning(&**db).await?;
    Ok(())
}

/// The packed commit.
pub(crate) async fn find<C: ConnectionTrait>(db: &C, sha: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(Entity::find_by_id(sha).one(db).await?.map(|row| row.packed))
}

/// Forgets a task's commits, once they are pushed or given up.
pub(crate) async fn remove(db: &Write, task_id: TaskId) -> Result<(), StoreError> {
    Entity::delete_many().filter(Column::TaskId.eq(task_id.to_string())).exec(&**db).await?;
    Ok(())
}
