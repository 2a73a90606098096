use opsmith_model::RunId;
use opsmith_store::{StoreError, Write};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, Condition, QueryOrder};
use serde_json::Value;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "run_signals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub run_id: String,
    pub topic: String,
    pub payload: String,
    pub consumed_by: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Leaves a signal for the run; `id` sorts by time, and the same id twice is one signal.
pub(crate) async fn insert(
    db: &Write,
    id: &str,
    run_id: RunId,
    topic: &str,
    payload: &Value,
) -> Result<(), StoreError> {
    let row = ActiveModel {
        id: Set(id.to_owned()),
        run_id: Set(run_id.to_string()),
        topic: Set(topic.to_owned()),
        payload: Set(payload.to_string()),
        consumed_by: Set(None),
    };
    let known = sea_orm::sea_query::OnConflict::column(Column::Id).do_nothing().to_owned();
    Entity::insert(row).on_conflict(known).exec_without_returning(&**db).await?;
    Ok(())
}

/// Takes the oldest signal on `topic` for the step `consumer`; the same step gets the same one again.
pub(crate) async fn take(db: &Write, run_id: RunId, topic: &str, consumer: &str) -> Result<Option<Value>, StoreError> {
    let mine_or_free = Condition::any().add(Column::ConsumedBy.eq(consumer)).add(Column::ConsumedBy.is_null());
    let row = Entity::find()
        .filter(Column::RunId.eq(run_id.to_string()))
        .filter(Column::Topic.eq(topic))
        .filter(mine_or_free)
        // Consumed by this step first: it was taken before a kill.
        .order_by_desc(Column::ConsumedBy.is_not_null())
        .order_by_asc(Column::Id)
        .one(&**db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Entity::update_many()
        .col_expr(Column::ConsumedBy, Expr::value(consumer))
        .filter(Column::Id.eq(row.id.as_str()))
        .exec(&**db)
        .await?;
    serde_json::from_str(&row.payload).map(Some).map_err(|_| StoreError::unreadable(format!("signal {}", row.id)))
}
