use std::sync::Arc;

use durare::{Client, PostgresProvider, SqliteProvider, StateProvider};
use opsmith_model::RunId;
use opsmith_store::{Dialect, SetupTurn, StoreUrl};
use serde_json::Value;

use crate::RunsError;
use crate::run::StepRecord;

/// The journal's version gate is ours to open: an upgraded binary takes its own unfinished runs up again.
pub(crate) const JOURNAL_VERSION: &str = "opsmith-1";

/// The journal's tables on PostgreSQL.
const SCHEMA: &str = "opsmith_journal";

/// The journal's storage, shared by the client and the engine of a process.
#[derive(Clone)]
pub(crate) struct Journal(Arc<dyn StateProvider>);

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}

impl Journal {
    /// Opens the journal beside our tables.
    ///
    /// On SQLite it commits with `synchronous = NORMAL`: a power cut may forget the last steps, never damage the
    /// file, and a forgotten step is done again, which is harmless by the rule of [`crate::RunContext::step`].
    pub(crate) async fn open(url: &StoreUrl) -> Result<Self, RunsError> {
        let _turn = SetupTurn::take(url).await;
        let provider: Arc<dyn StateProvider> = match url.dialect() {
            Dialect::Sqlite => Arc::new(SqliteProvider::connect(url.expose()).await.map_err(RunsError::Journal)?),
            Dialect::Postgres => {
                Arc::new(PostgresProvider::connect_with_schema(url.expose(), SCHEMA).await.map_err(RunsError::Journal)?)
            }
        };
        provider.init().await.map_err(RunsError::Journal)?;
        Ok(Self(provider))
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(Arc::clone(&self.0)).with_app_version(JOURNAL_VERSION)
    }

    /// The finished steps of a run, in order.
    pub(crate) async fn steps(&self, id: RunId) -> Result<Vec<StepRecord>, RunsError> {
        let steps = self.client().get_workflow_steps(&id.to_string()).await.map_err(RunsError::Journal)?;
        let record = |step: durare::StepInfo| StepRecord {
            position: step.step_id,
            failure: failure_of(step.output.as_ref()).or(step.error),
            name: step.name,
            started_at: step.started_at,
            finished_at: step.completed_at,
        };
        Ok(steps.into_iter().map(record).collect())
    }

    pub(crate) fn provider(&self) -> &Arc<dyn StateProvider> {
        &self.0
    }
}

/// How a recorded step failed, from the shape in which [`crate::RunContext::step`] records.
fn failure_of(output: Option<&Value>) -> Option<String> {
    let output = output?;
    if output == "Cancelled" {
        return Some("cancelled".to_owned());
    }
    Some(output.get("Failed")?.get("message")?.as_str()?.to_owned())
}
